// SPDX-License-Identifier: Apache-2.0
//
// The writer's rarer needs; see heap_trace_ring.h.

#include "heap_trace_ring.h"

#include <stddef.h>
#include <sys/mman.h>

_Static_assert(sizeof(struct hl_trace_event) == HL_TRACE_UNIT_BYTES, "an event is a unit");
_Static_assert(HL_TRACE_RING_BYTES % HL_TRACE_UNIT_BYTES == 0, "a short event never wraps");
_Static_assert((HL_TRACE_RING_BYTES & (HL_TRACE_RING_BYTES - 1)) == 0, "positions are masked");

bool hl_trace_ring_create(struct hl_trace_ring *ring) {
    if (ring->memory)
        return true;
    void *memory =
        mmap(NULL, HL_TRACE_RING_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    ring->memory = memory;
    return true;
}

struct hl_trace_long_event *hl_trace_ring_reserve_long(struct hl_trace_ring *ring, uint32_t depth) {
    uint64_t bytes = hl_trace_long_event_bytes(depth);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed); // own store
    uint64_t rest = HL_TRACE_RING_BYTES - (head & (HL_TRACE_RING_BYTES - 1));
    if (!hl_trace_ring_has_room(ring, bytes <= rest ? bytes : rest + bytes))
        return NULL;
    if (bytes > rest) {
        struct hl_trace_event *skip = hl_trace_ring_at(ring, head);
        // Before all others, so that the reader passes it at once.
        skip->stamp = 0;
        skip->what = (uint64_t)HL_TRACE_CODE_SKIP << HL_TRACE_CODE_SHIFT;
        head += rest;
        // Release: as in hl_trace_ring_commit.
        atomic_store_explicit(&ring->head, head, memory_order_release);
    }
    return hl_trace_ring_at(ring, head);
}
