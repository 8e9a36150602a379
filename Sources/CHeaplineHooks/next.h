// SPDX-License-Identifier: Apache-2.0
//
// The allocator the program would use without us: the next definition of each name in the loader's search order, whichever library
// it is in (glibc, jemalloc, tcmalloc, mimalloc).
#pragma once

#include <stddef.h>

#define HL_NEXT_ARENA_BYTES 65536u

struct hl_next {
    // A request for fewer bytes never fails, as far as can be known: 0 when any may. See limits.c.
    _Alignas(64) size_t sure_below;
    void *(*malloc)(size_t);
    void (*free)(void *);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*memalign)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    void *(*valloc)(size_t);
    void *(*pvalloc)(size_t);
    void (*free_sized)(void *, size_t);
    void (*free_aligned_sized)(void *, size_t, size_t);
    int (*dlclose)(void *);
};
extern struct hl_next hl_next __attribute__((visibility("hidden")));

// Fills hl_next; malloc, free, calloc and realloc do so at their first call. While that goes on, requests are served from a small
// arena, which needs no allocator; its blocks are never given back.
void hl_next_find(void);
// Looks for what not every allocator or C library has, once the program has called it by name: *place is NULL when it has none.
void hl_next_find_rare(void **place, const char *name);
// Looks anew at what sure_below may be: once the allocator is known, and when the process's limits have changed.
void hl_next_limits(void);
void *hl_next_arena(size_t bytes, size_t alignment);
extern char hl_next_arena_bytes[HL_NEXT_ARENA_BYTES] __attribute__((visibility("hidden")));
static inline int hl_next_in_arena(const void *pointer) {
    return (size_t)((const char *)pointer - hl_next_arena_bytes) < HL_NEXT_ARENA_BYTES;
}
// The next definition of a C++ operator, and whether it belongs to the library that provides malloc (not libstdc++ or libc++, whose
// operators call malloc and so are recorded there). NULL when there is none.
void *hl_next_operator(const char *name, int *by_allocator);
