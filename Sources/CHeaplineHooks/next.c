// SPDX-License-Identifier: Apache-2.0
//
// See next.h.

#include "next.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

struct hl_next hl_next;

#define ARENA_BYTES 65536u
static char arena[ARENA_BYTES] __attribute__((aligned(64)));
static size_t arena_used;
static int finding; // this thread or another is inside hl_next_find()

void *hl_next_arena(size_t bytes, size_t alignment) {
    if (alignment < 16) alignment = 16;
    size_t used = __atomic_load_n(&arena_used, __ATOMIC_RELAXED), at; // the exchange checks it
    do {
        at = (used + alignment - 1) & ~(alignment - 1);
        if (bytes > ARENA_BYTES || at + bytes > ARENA_BYTES) return NULL;
    } while (!__atomic_compare_exchange_n(&arena_used, &used, at + bytes, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return arena + at; // zero, since given out only once
}

int hl_next_in_arena(const void *pointer) {
    return (uintptr_t)pointer - (uintptr_t)arena < ARENA_BYTES;
}

#define FIND(name) *(void **)&hl_next.name = dlsym(RTLD_NEXT, #name)

void hl_next_find(void) {
    if (hl_next.malloc || finding) return;
    finding = 1;
    // These are everywhere, so dlsym succeeds and needs no memory for an error text …
    void *next_malloc = dlsym(RTLD_NEXT, "malloc");
    FIND(free);
    FIND(calloc);
    FIND(realloc);
    *(void **)&hl_next.malloc = next_malloc;
    // … and with them in place a look-up that fails may allocate its error text as usual.
    FIND(memalign);
    FIND(posix_memalign);
    FIND(aligned_alloc);
    FIND(valloc);
    FIND(pvalloc);
    FIND(free_sized);
    FIND(free_aligned_sized);
    FIND(dlclose);
    finding = 0;
}

void *hl_next_operator(const char *name, int *by_allocator) {
    void *found = dlsym(RTLD_NEXT, name);
    Dl_info of_operator, of_malloc;
    *by_allocator = found && dladdr(found, &of_operator) && dladdr((void *)hl_next.malloc, &of_malloc) &&
                    of_operator.dli_fbase == of_malloc.dli_fbase;
    return found;
}
