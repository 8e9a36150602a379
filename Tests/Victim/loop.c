// SPDX-License-Identifier: Apache-2.0
//
// loop N: N allocations of 24 + i % 64 bytes, each freed at once: N allocations, N frees, all temporary.
// leak N BYTES: N blocks of BYTES bytes, none freed.
// deep N DEPTH: as loop, below DEPTH calls; the stack is steady.

#include "victim.h"

#include <stdlib.h>

int victim_loop(int argc, char **argv) {
    long n = victim_number(argc, argv, 2, 1000);
    for (long i = 0; i < n; i++) free(victim_allocate(24 + (size_t)i % 64));
    return 0;
}

__attribute__((noinline)) static void leak_some(long n, size_t bytes) {
    for (long i = 0; i < n; i++) victim_allocate(bytes);
}

int victim_leak(int argc, char **argv) {
    leak_some(victim_number(argc, argv, 2, 10), (size_t)victim_number(argc, argv, 3, 100));
    return 0;
}

__attribute__((noinline)) static long descend(long n, long depth) {
    if (depth > 0) return descend(n, depth - 1) + 1;
    for (long i = 0; i < n; i++) free(victim_allocate(24 + (size_t)i % 64));
    return 0;
}

int victim_deep(int argc, char **argv) {
    long depth = victim_number(argc, argv, 3, 30);
    return descend(victim_number(argc, argv, 2, 1000), depth) == depth ? 0 : 1;
}
