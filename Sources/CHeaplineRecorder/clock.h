// SPDX-License-Identifier: Apache-2.0
//
// The processor's counter, which runs at the same rate on all cores. No fence: a fence costs as much again as the
// counter, and the reader settles the one case where it could matter (see "Order between cores" in TraceFormat).
#pragma once

#include <stdint.h>

static inline uint64_t hl_clock_counter(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t counter;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(counter));
    return counter;
#else
#error "no clock for this processor"
#endif
}

// Ticks per second where the processor says so, else 0: the collector then measures it against the wall clock.
static inline uint64_t hl_clock_hz(void) {
#if defined(__aarch64__)
    uint64_t hz;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
    return hz;
#else
    return 0;
#endif
}
