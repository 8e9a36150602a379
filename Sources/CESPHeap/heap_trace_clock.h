// SPDX-License-Identifier: Apache-2.0
//
// The time of traced events: the processor's counter, which all cores of the host share.
//
// An allocation is stamped after it, a free before it, so a block's free never comes before its allocation, nor a reuse
// of its address before the free, whatever cores they happen on.

#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t hl_trace_stamp_before(void) {
#if defined(__x86_64__)
    // Its own store to the ring, and all later ones, wait for it to retire.
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t stamp;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(stamp)::"memory");
    return stamp;
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
}

static inline uint64_t hl_trace_stamp_after(void) {
#if defined(__x86_64__)
    // rdtscp waits for everything before it, so the counter is not read ahead of the allocation.
    unsigned processor;
    return __builtin_ia32_rdtscp(&processor);
#elif defined(__aarch64__)
    uint64_t stamp;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(stamp)::"memory");
    return stamp;
#else
    return hl_trace_stamp_before();
#endif
}
