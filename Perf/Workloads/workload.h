// SPDX-License-Identifier: Apache-2.0
//
// What the workloads share: each is one loop that counts its own allocations and frees, so that what a tracer says it
// recorded can be held against a count that is not the tracer's. Every run prints one line:
//   events N wall_ns W cpu_ns C
// N: allocations plus frees in the loop; W and C: wall time and CPU time of this process in the loop.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t workload_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct workload_span {
    uint64_t wall, cpu;
};

static inline struct workload_span workload_begin(void) {
    return (struct workload_span){workload_ns(CLOCK_MONOTONIC), workload_ns(CLOCK_PROCESS_CPUTIME_ID)};
}

static inline void workload_end(struct workload_span begin, uint64_t events) {
    uint64_t wall = workload_ns(CLOCK_MONOTONIC) - begin.wall;
    uint64_t cpu = workload_ns(CLOCK_PROCESS_CPUTIME_ID) - begin.cpu;
    printf("events %llu wall_ns %llu cpu_ns %llu\n", (unsigned long long)events, (unsigned long long)wall,
           (unsigned long long)cpu);
    fflush(stdout);
}

// splitmix64 (Steele, Lea, Flood 2014): the same numbers on every machine.
static inline uint64_t workload_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

// Keeps the compiler from seeing that a block is not used.
static inline void *workload_keep(void *block) {
    __asm__ volatile("" : "+r"(block) : : "memory");
    return block;
}

// Each takes the number of events wanted and its parameter, and returns the events made.
uint64_t workload_tight(uint64_t events, uint64_t ignored);
uint64_t workload_deep(uint64_t events, uint64_t depth);
uint64_t workload_tree(uint64_t events, uint64_t stacks);
uint64_t workload_threads(uint64_t events, uint64_t threads);
uint64_t workload_live(uint64_t events, uint64_t blocks);
