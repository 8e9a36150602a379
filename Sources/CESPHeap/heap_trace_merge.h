// SPDX-License-Identifier: Apache-2.0
//
// From the rings of the cores (heap_trace_ring.h) to the list (heap_trace_list.h), by time.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "heap_trace_list.h"
#include "heap_trace_ring.h"
#include "kernel.h"

// One for each core, and the one of threads that hold no core.
enum { HL_TRACE_FOREIGN_RING = HL_KERNEL_CORES, HL_TRACE_RINGS };

// How far a merge may go, besides its limit.
enum hl_trace_reach {
    HL_TRACE_ALL_PUBLISHED, // all events up to the limit are published
    HL_TRACE_WHILE_KNOWN,   // of the foreign ring only: a core's next event is known only while its ring has one
};

// Applies the events that are stamped up to `limit`, and gives their bytes back to the writers.  One reader at a time.
void hl_trace_merge(struct hl_trace_ring rings[HL_TRACE_RINGS], uint64_t limit, enum hl_trace_reach reach,
                    struct hl_trace_list *list);
