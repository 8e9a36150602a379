// SPDX-License-Identifier: Apache-2.0
//
// See next.h.

#include "next.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

static void *first_malloc(size_t size);
static void first_free(void *block);
static void *first_calloc(size_t count, size_t size);
static void *first_realloc(void *old, size_t size);

// Until the first call the four commonest lead to a search for themselves, so that no call needs to ask.
struct hl_next hl_next = {
    .malloc = first_malloc,
    .free = first_free,
    .calloc = first_calloc,
    .realloc = first_realloc,
};

char hl_next_arena_bytes[HL_NEXT_ARENA_BYTES] __attribute__((aligned(64)));
static size_t arena_used;
static int finding; // this thread or another is inside hl_next_find()

void *hl_next_arena(size_t bytes, size_t alignment) {
    if (alignment < 16) alignment = 16;
    size_t used = __atomic_load_n(&arena_used, __ATOMIC_RELAXED), at; // the exchange checks it
    do {
        at = (used + alignment - 1) & ~(alignment - 1);
        if (bytes > HL_NEXT_ARENA_BYTES || at + bytes > HL_NEXT_ARENA_BYTES) return NULL;
    } while (!__atomic_compare_exchange_n(&arena_used, &used, at + bytes, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return hl_next_arena_bytes + at; // zero, since given out only once
}

#define FIND(name) *(void **)&hl_next.name = dlsym(RTLD_NEXT, #name)

void hl_next_find(void) {
    if (hl_next.malloc != first_malloc || finding) return;
    finding = 1;
    // These are everywhere, so dlsym succeeds and needs no memory for an error text …
    FIND(free);
    FIND(calloc);
    FIND(realloc);
    FIND(malloc);
    // … and so are these. A look-up that fails leaves its error to the program's dlerror(), and glibc frees its text with the
    // program's own free, which may be looking for ours by dlsym.
    FIND(memalign);
    FIND(posix_memalign);
    FIND(aligned_alloc);
    FIND(valloc);
    FIND(pvalloc);
    hl_next_limits();
    finding = 0;
}

void hl_next_find_rare(void **place, const char *name) {
    hl_next_find();
    if (!*place) *place = dlsym(RTLD_NEXT, name);
}

static void *first_malloc(size_t size) {
    hl_next_find();
    return hl_next.malloc == first_malloc ? hl_next_arena(size, 16) : hl_next.malloc(size);
}

static void first_free(void *block) {
    hl_next_find();
    if (hl_next.free != first_free) hl_next.free(block);
}

static void *first_calloc(size_t count, size_t size) {
    hl_next_find();
    return hl_next.calloc == first_calloc ? hl_next_arena(count * size, 16) : hl_next.calloc(count, size);
}

static void *first_realloc(void *old, size_t size) {
    hl_next_find();
    return hl_next.realloc == first_realloc ? hl_next_arena(size, 16) : hl_next.realloc(old, size);
}

void *hl_next_operator(const char *name, int *by_allocator) {
    void *found = dlsym(RTLD_NEXT, name);
    Dl_info of_operator, of_malloc;
    *by_allocator = found && dladdr(found, &of_operator) && dladdr((void *)hl_next.malloc, &of_malloc) &&
                    of_operator.dli_fbase == of_malloc.dli_fbase;
    return found;
}
