// SPDX-License-Identifier: Apache-2.0
//
// Memory for mode sample; see sample.c.
#pragma once

#include "atomics.h"

// Returns 0, or -1 when there is no memory.
int hl_sample_start(void);

extern uint64_t *hl_sample_filter __attribute__((visibility("hidden")));

// 0 when `address` is surely no sampled block.
static inline int hl_sample_may_hold(uint64_t address) {
    uint64_t bit = address * 0x9e3779b97f4a7c15u >> 46; // 2^18 bits
    // Relaxed: a block sampled by another thread came here through the program's own synchronisation.
    return (int)(hl_load_relaxed(&hl_sample_filter[bit >> 6]) >> (bit & 63) & 1);
}
