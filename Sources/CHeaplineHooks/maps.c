// SPDX-License-Identifier: Apache-2.0
//
// mmap, munmap, mremap, brk and sbrk: always passed on unchanged; recorded when asked for (HEAPLINE_MAPS). Only the
// program's own calls come here: the C library's allocator asks the kernel by itself.

#include "next.h"
#include "record.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default"), noinline)) // never split either: see hl_here()

static inline int wanted(void) {
    return hl_recorder.maps != 0;
}

EXPORT void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset) {
    void *mapped = (void *)syscall(SYS_mmap, at, bytes, protection, flags, fd, offset);
    if (wanted() && mapped != MAP_FAILED) hl_record_map(HL_KIND_MAP, (uintptr_t)mapped, bytes, hl_here());
    return mapped;
}

EXPORT void *mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset) {
    void *mapped = (void *)syscall(SYS_mmap, at, bytes, protection, flags, fd, offset);
    if (wanted() && mapped != MAP_FAILED) hl_record_map(HL_KIND_MAP, (uintptr_t)mapped, bytes, hl_here());
    return mapped;
}

EXPORT int munmap(void *at, size_t bytes) {
    if (wanted()) hl_record_map(HL_KIND_UNMAP, (uintptr_t)at, bytes, hl_here());
    return (int)syscall(SYS_munmap, at, bytes);
}

EXPORT void *mremap(void *old, size_t old_bytes, size_t new_bytes, int flags, ...) {
    void *target = NULL;
    if (flags & MREMAP_FIXED) {
        va_list rest;
        va_start(rest, flags);
        target = va_arg(rest, void *);
        va_end(rest);
    }
    void *mapped = (void *)syscall(SYS_mremap, old, old_bytes, new_bytes, flags, target);
    if (wanted() && mapped != MAP_FAILED) {
        hl_record_map(HL_KIND_UNMAP, (uintptr_t)old, old_bytes, hl_here());
        hl_record_map(HL_KIND_MAP, (uintptr_t)mapped, new_bytes, hl_here());
    }
    return mapped;
}

static void record_break(uintptr_t before, uintptr_t after, struct hl_registers from) {
    if (after > before) hl_record_map(HL_KIND_MAP, before, after - before, from);
    if (after < before) hl_record_map(HL_KIND_UNMAP, after, before - after, from);
}

EXPORT int brk(void *end) {
    static int (*next)(void *);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "brk");
    uintptr_t before = wanted() ? (uintptr_t)syscall(SYS_brk, 0) : 0;
    int result = next(end);
    if (wanted() && result == 0) record_break(before, (uintptr_t)end, hl_here());
    return result;
}

EXPORT void *sbrk(intptr_t step) {
    static void *(*next)(intptr_t);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "sbrk");
    void *before = next(step);
    if (wanted() && step && before != (void *)-1)
        record_break((uintptr_t)before, (uintptr_t)before + (uintptr_t)step, hl_here());
    return before;
}
