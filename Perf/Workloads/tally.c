// SPDX-License-Identifier: Apache-2.0
//
// Preloaded once per program, alone: counts the calls that make and free blocks, and nothing else. The independent counter for
// programs that do not count themselves. A call made while the next function is being looked up is not counted.
// At its end the process writes "allocations frees reallocations program" to $PERF_TALLY/PID.

#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Atomic unsigned long long allocations, frees, reallocations;
static char early[16384];
static _Atomic size_t early_used;

#define COUNT(sum) atomic_fetch_add_explicit(&(sum), 1, memory_order_relaxed) // sums, read at the end
#define NEXT(name) (next ? next : (next = (__typeof__(next))dlsym(RTLD_NEXT, name)))

static int is_early(const void *block) {
    return (const char *)block >= early && (const char *)block < early + sizeof early;
}

void *malloc(size_t size) {
    static void *(*next)(size_t);
    void *block = NEXT("malloc")(size);
    if (block) COUNT(allocations);
    return block;
}

void free(void *block) {
    static void (*next)(void *);
    if (!block || is_early(block)) return;
    COUNT(frees);
    NEXT("free")(block);
}

void *calloc(size_t count, size_t size) { // dlsym itself may ask for memory here
    static void *(*next)(size_t, size_t);
    static _Thread_local int finding;
    if (!next && finding) {
        size_t at = atomic_fetch_add(&early_used, (count * size + 15) & ~(size_t)15);
        return at + count * size <= sizeof early ? early + at : NULL;
    }
    finding = 1;
    void *block = NEXT("calloc")(count, size);
    finding = 0;
    if (block) COUNT(allocations);
    return block;
}

void *realloc(void *old, size_t size) {
    static void *(*next)(void *, size_t);
    if (is_early(old)) {
        void *moved = malloc(size);
        if (moved) memcpy(moved, old, size < sizeof early ? size : sizeof early);
        return moved;
    }
    void *block = NEXT("realloc")(old, size);
    if (!old) {
        if (block) COUNT(allocations);
    } else if (block) {
        COUNT(allocations);
        COUNT(frees);
        COUNT(reallocations);
    } else if (!size) {
        COUNT(frees);
    }
    return block;
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    static int (*next)(void **, size_t, size_t);
    int error = NEXT("posix_memalign")(result, alignment, size);
    if (!error) COUNT(allocations);
    return error;
}

void *aligned_alloc(size_t alignment, size_t size) {
    static void *(*next)(size_t, size_t);
    void *block = NEXT("aligned_alloc")(alignment, size);
    if (block) COUNT(allocations);
    return block;
}

void *memalign(size_t alignment, size_t size) {
    static void *(*next)(size_t, size_t);
    void *block = NEXT("memalign")(alignment, size);
    if (block) COUNT(allocations);
    return block;
}

__attribute__((destructor(101))) static void end(void) {
    const char *folder = getenv("PERF_TALLY");
    if (!folder) return;
    char path[300], line[512], program[256];
    ssize_t got = readlink("/proc/self/exe", program, sizeof program - 1);
    program[got < 0 ? 0 : got] = 0;
    const char *name = strrchr(program, '/');
    snprintf(path, sizeof path, "%s/%d", folder, (int)getpid());
    int length = snprintf(line, sizeof line, "%llu %llu %llu %s\n", allocations, frees, reallocations,
                          name ? name + 1 : "?");
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return;
    if (length > 0 && write(fd, line, (size_t)length) < 0) unlink(path);
    close(fd);
}
