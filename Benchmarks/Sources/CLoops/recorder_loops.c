// SPDX-License-Identifier: Apache-2.0
//
// Loops over the recorder, through the hooks.

#include "loops.h"

#include "heapline.h"
#include "heapline_hooks.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

static inline void *keep(void *block) {
    __asm__ volatile("" : "+r"(block) : : "memory");
    return block;
}

int loops_record(int mode, int depth, int backend) {
    if (!hl_hooks_are_linked) return HL_ERROR_UNSUPPORTED;
    struct hl_options options = {
        .mode = (enum hl_mode)mode,
        .depth = depth,
        .on_full = HL_ON_FULL_OVERWRITE,
        .backend = (enum hl_backend)backend,
        .buffer_bytes = 32u << 20,
    };
    return hl_start(&options);
}

void loops_record_end(void) {
    hl_stop();
    hl_discard();
}

struct work {
    pthread_t thread;
    uint64_t pairs;
    int frames;
};

static __attribute__((noinline)) void descend(uint64_t pairs, int frames) {
    if (frames > 0) {
        descend(pairs, frames - 1);
        __asm__ volatile("" : : "r"(frames) : "memory"); // no tail call
        return;
    }
    for (uint64_t i = 0; i < pairs; i++) free(keep(malloc(64)));
}

static void *run(void *argument) {
    struct work *work = argument;
    descend(work->pairs, work->frames);
    return NULL;
}

void loops_pairs(uint64_t pairs, int threads, int frames) {
    struct work work[64];
    if (threads > 64) threads = 64;
    for (int i = 1; i < threads; i++) {
        work[i] = (struct work){.pairs = pairs, .frames = frames};
        if (pthread_create(&work[i].thread, NULL, run, &work[i])) abort();
    }
    descend(pairs, frames);
    for (int i = 1; i < threads; i++) pthread_join(work[i].thread, NULL);
}

static inline uint64_t counter(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t value;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
    return value;
#else
#error "no counter for this processor"
#endif
}

static int ascending(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static __attribute__((noinline)) void descend_timed(uint64_t pairs, int frames, uint64_t *allocations, uint64_t *frees) {
    if (frames > 0) {
        descend_timed(pairs, frames - 1, allocations, frees);
        __asm__ volatile("" : : "r"(frames) : "memory");
        return;
    }
    for (uint64_t i = 0; i < pairs; i++) {
        uint64_t begin = counter();
        void *block = keep(malloc(64));
        uint64_t made = counter();
        free(block);
        uint64_t freed = counter();
        allocations[i] = made - begin;
        frees[i] = freed - made;
    }
}

void loops_latencies(uint64_t pairs, int frames, uint64_t *allocations, uint64_t *frees) {
    descend_timed(pairs, frames, allocations, frees);
    hl_ignore_this_thread(1); // qsort may allocate
    qsort(allocations, pairs, sizeof *allocations, ascending);
    qsort(frees, pairs, sizeof *frees, ascending);
    hl_ignore_this_thread(0);
}

double loops_tick_ns(void) {
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    uint64_t begin = counter(), ns;
    do {
        clock_gettime(CLOCK_MONOTONIC, &to);
        ns = (uint64_t)(to.tv_sec - from.tv_sec) * 1000000000u + (uint64_t)to.tv_nsec - (uint64_t)from.tv_nsec;
    } while (ns < 20000000u);
    return (double)ns / (double)(counter() - begin);
}
