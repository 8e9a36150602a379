// SPDX-License-Identifier: Apache-2.0
//
// One core's traced events on their way to the list: a ring that its core writes and whoever reads the trace empties.
//
// Protocol.  Only the task that holds the core's token writes, so there is one writer: it sets `active`, takes the time,
// writes the event, publishes it by storing `head`, and clears `active`.  The reader takes the time T, lets every other
// thread pass a barrier (membarrier), and waits until no writer is active: from then on every event stamped before T is
// published, and the rings can be merged by time up to T.  So the writer needs no fence and no atomic instruction.
// Where the kernel has no membarrier the writer pays for a fence.
//
// Threads that hold no core (tests, tools) share one more ring behind a lock.

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum hl_trace_event_kind { HL_TRACE_EVENT_SKIP, HL_TRACE_EVENT_ALLOCATE, HL_TRACE_EVENT_FREE };

enum { HL_TRACE_RING_BYTES = 256 << 10 };

// Followed by `depth` addresses, innermost caller first.
struct hl_trace_event {
    uint64_t stamp;
    uint64_t address;
    uint64_t size;
    uint32_t ccount;
    uint16_t kind;
    uint16_t depth;
};

// tail ≤ head ≤ tail + HL_TRACE_RING_BYTES; positions count bytes and never wrap.
struct hl_trace_ring {
    // The writer's line.
    _Alignas(64) _Atomic uint64_t head;
    _Atomic uint32_t active;
    uint64_t known_tail; // a recent value of `tail`
    char *memory;
    // The reader's line.
    _Alignas(64) _Atomic uint64_t tail;
};

bool hl_trace_ring_create(struct hl_trace_ring *ring);

// Room for one event, or NULL when the ring is full.  Never while active.
static inline struct hl_trace_event *hl_trace_ring_reserve(struct hl_trace_ring *ring, uint32_t depth) {
    uint64_t bytes = sizeof(struct hl_trace_event) + (uint64_t)depth * sizeof(uint64_t);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed); // own store
    uint64_t offset = head & (HL_TRACE_RING_BYTES - 1);
    // An event does not wrap: the rest of the ring is skipped.
    uint64_t needed = offset + bytes <= HL_TRACE_RING_BYTES ? bytes : HL_TRACE_RING_BYTES - offset + bytes;
    if (head + needed - ring->known_tail > HL_TRACE_RING_BYTES) {
        // Acquire: pairs with the release in hl_trace_cursor_end; the reader is done with those bytes.
        ring->known_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (head + needed - ring->known_tail > HL_TRACE_RING_BYTES)
            return 0;
    }
    if (needed != bytes) {
        struct hl_trace_event *skip = (struct hl_trace_event *)(void *)(ring->memory + offset);
        if (HL_TRACE_RING_BYTES - offset >= sizeof *skip) {
            skip->kind = HL_TRACE_EVENT_SKIP;
            skip->stamp = 0;
        }
        head += HL_TRACE_RING_BYTES - offset;
        // Release: pairs with the acquire in hl_trace_cursor_begin.
        atomic_store_explicit(&ring->head, head, memory_order_release);
    }
    return (struct hl_trace_event *)(void *)(ring->memory + (head & (HL_TRACE_RING_BYTES - 1)));
}

static inline void hl_trace_ring_commit(struct hl_trace_ring *ring, uint32_t depth) {
    uint64_t bytes = sizeof(struct hl_trace_event) + (uint64_t)depth * sizeof(uint64_t);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed); // own store
    // Release: pairs with the acquire in hl_trace_cursor_begin, which then sees the whole event.
    atomic_store_explicit(&ring->head, head + bytes, memory_order_release);
}

// The reader's place in a ring: what was published when it began.
struct hl_trace_cursor {
    uint64_t stamp;                      // of `event`; UINT64_MAX: none is left
    const struct hl_trace_event *event;  // the oldest that was not taken, or NULL
    uint64_t at;
    uint64_t head;
    struct hl_trace_ring *ring;
};

void hl_trace_cursor_begin(struct hl_trace_cursor *cursor, struct hl_trace_ring *ring);
void hl_trace_cursor_next(struct hl_trace_cursor *cursor);
// Gives the bytes of the events taken back to the writer.
void hl_trace_cursor_end(struct hl_trace_cursor *cursor);
