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

enum { AHEAD_BYTES = 512 };

// Moves on to the next event, past what was skipped.
static void find(struct hl_trace_cursor *cursor) {
    cursor->event = NULL;
    cursor->stamp = UINT64_MAX;
    while (cursor->at != cursor->head) {
        uint64_t offset = cursor->at & (HL_TRACE_RING_BYTES - 1);
        const struct hl_trace_event *event =
            (const struct hl_trace_event *)(const void *)(cursor->ring->memory + offset);
        bool no_room = HL_TRACE_RING_BYTES - offset < sizeof *event;
        // Lines that another core wrote take a while to come.
        __builtin_prefetch(cursor->ring->memory + ((offset + AHEAD_BYTES) & (HL_TRACE_RING_BYTES - 1)));
        if (!no_room && event->kind != HL_TRACE_EVENT_SKIP) {
            cursor->event = event;
            cursor->stamp = event->stamp;
            return;
        }
        cursor->at += HL_TRACE_RING_BYTES - offset;
    }
}

void hl_trace_cursor_begin(struct hl_trace_cursor *cursor, struct hl_trace_ring *ring) {
    cursor->ring = ring;
    // Relaxed: only the reader stores it.
    cursor->at = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    // Acquire: pairs with the release in hl_trace_ring_commit.
    cursor->head = atomic_load_explicit(&ring->head, memory_order_acquire);
    find(cursor);
}

void hl_trace_cursor_next(struct hl_trace_cursor *cursor) {
    cursor->at += sizeof *cursor->event + (uint64_t)cursor->event->depth * sizeof(uint64_t);
    find(cursor);
}

void hl_trace_cursor_end(struct hl_trace_cursor *cursor) {
    // Release: pairs with the acquire in hl_trace_ring_reserve; the reader is done with those bytes.
    atomic_store_explicit(&cursor->ring->tail, cursor->at, memory_order_release);
}
