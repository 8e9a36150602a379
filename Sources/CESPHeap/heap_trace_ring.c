// SPDX-License-Identifier: Apache-2.0
//
// The reader's side of heap_trace_ring.h.

#include "heap_trace_ring.h"

#include <stddef.h>
#include <sys/mman.h>

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

const struct hl_trace_event *hl_trace_ring_peek(struct hl_trace_ring *ring) {
    // Relaxed: only the reader stores it.
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    // Acquire: pairs with the release in hl_trace_ring_commit.
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    while (tail != head) {
        uint64_t offset = tail & (HL_TRACE_RING_BYTES - 1);
        const struct hl_trace_event *event = (const struct hl_trace_event *)(const void *)(ring->memory + offset);
        bool no_room = HL_TRACE_RING_BYTES - offset < sizeof *event;
        if (!no_room && event->kind != HL_TRACE_EVENT_SKIP)
            return event;
        tail += HL_TRACE_RING_BYTES - offset;
        atomic_store_explicit(&ring->tail, tail, memory_order_release);
    }
    return NULL;
}

void hl_trace_ring_consume(struct hl_trace_ring *ring, const struct hl_trace_event *event) {
    uint64_t bytes = sizeof *event + (uint64_t)event->depth * sizeof(uint64_t);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    // Release: pairs with the acquire in hl_trace_ring_reserve.
    atomic_store_explicit(&ring->tail, tail + bytes, memory_order_release);
}
