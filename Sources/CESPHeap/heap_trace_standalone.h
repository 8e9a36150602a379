// SPDX-License-Identifier: Apache-2.0
//
// Standalone tracing between its two ends: events of both cores go into rings (heap_trace_ring.h) and reach the list
// (heap_trace_list.h) in order of time whenever somebody reads it or a ring is full.  What a reader sees equals the chip's
// single list under one lock, yet two cores that record never touch a common line.

#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "heap_trace_list.h"

struct hl_chip;

struct hl_trace_store {
    // Every event reads this line, which nothing writes while tracing.
    _Alignas(64) uint32_t depth; // of the stacks to capture; 0 until initialised
    bool writer_needs_fence;     // set once before the first event
    // Merging writes these.
    _Alignas(64) pthread_mutex_t lock; // the list, and reading the rings
    struct hl_trace_list list;
};

extern struct hl_trace_store hl_trace_store;

// Makes the rings.  False without host memory.
bool hl_trace_store_open(void);
// `ccount`: the cycle counter the program gave; NULL: from the event's own time.
void hl_trace_store_allocation(const struct hl_chip *chip, uint64_t address, uint64_t size, const uint32_t *ccount,
                               const void *frame);
void hl_trace_store_free(uint64_t address, const void *frame);
// Takes the lock and brings the list up to now.
void hl_trace_store_enter(void);
void hl_trace_store_leave(void);
