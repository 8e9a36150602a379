// SPDX-License-Identifier: Apache-2.0
//
// Memory for mode sample; see sample.c.
#pragma once

#include "atomics.h"

// Returns 0, or -1 when there is no memory.
int hl_sample_start(void);

// How many sampled blocks are alive, by the 64 bytes in which they begin, modulo 4 MiB: neighbours share a cache line of it.
#define HL_SAMPLE_COUNTERS 65536u
extern uint8_t hl_sample_filter[HL_SAMPLE_COUNTERS] __attribute__((visibility("hidden")));

static inline uint8_t *hl_sample_counter(uint64_t address) {
    return &hl_sample_filter[address / 64 % HL_SAMPLE_COUNTERS];
}

// 0 when `address` is surely no sampled block.
static inline int hl_sample_may_hold(uint64_t address) {
    // Relaxed: a block sampled by another thread came here through the program's own synchronisation.
    return hl_load_relaxed(hl_sample_counter(address));
}
