// SPDX-License-Identifier: Apache-2.0
//
// The time of traced events: the processor's counter, which all cores of the host share.
//
// An allocation is stamped after it, a free before it.  Then a block's free never comes before its allocation, nor a reuse
// of its address before the free, whatever cores they happen on, because a stamp stands between what its core had read
// until then and what it writes from then on:
//
//   - The counter is read after all earlier loads: whoever learnt of an event from another core is stamped later.  Without
//     a fence a processor reads it while it still waits for such a load, by as much as a line takes to come.
//   - The event's own store needs the counter, and all later stores come after that one: nobody learns of an event that is
//     not stamped yet.

#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t hl_trace_stamp(void) {
#if defined(__x86_64__)
    // Cheaper than rdtscp, which waits for as much.
    __builtin_ia32_lfence();
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t stamp;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(stamp)::"memory");
    return stamp;
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
}
