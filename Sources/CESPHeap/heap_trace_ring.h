// SPDX-License-Identifier: Apache-2.0
//
// One core's traced events on their way to the list: a ring that its core writes and whoever reads the trace empties
// (heap_trace_merge.h).
//
// Protocol.  Only the task that holds the core's token writes, so there is one writer: it sets `active`, takes the time,
// writes the event, publishes it by storing `head`, and clears `active`.  The reader takes the time T, lets every other
// thread pass a barrier (membarrier), and waits until no writer is active: from then on every event stamped before T is
// published, and the rings can be merged by time up to T.  So the writer needs no fence and no atomic instruction.
// Where the kernel has no membarrier the writer pays for a fence.
//
// Threads that hold no core (tests, tools) share one more ring behind a lock, and always pay for the fence.
//
// A line of the ring that the other core has read must be taken back before it is written again, which takes longer than
// several events: the writer asks for its lines ahead.

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// Bytes of a ring; its unit, which divides them; how far ahead of its events the writer asks for lines: about as long as
// two processors take to hand over a line when they share no cache.
enum { HL_TRACE_RING_BYTES = 128 << 10, HL_TRACE_UNIT_BYTES = 16, HL_TRACE_CLAIM_BYTES = 256 };

// One unit.  What happened is told by the upper 16 bits of `what`:
//
//      63      48 47                   0
//     +----------+----------------------+
//     |   code   |       address        |    0: free.  1 to HL_TRACE_CODE_LARGEST: allocation of so many bytes.
//     +----------+----------------------+    HL_TRACE_CODE_LONG: see below.  HL_TRACE_CODE_SKIP: the ring ends here.
//
// The cycle counter is the stamp's lower half, the core is the ring's.
struct hl_trace_event {
    uint64_t stamp;
    uint64_t what;
};

enum {
    HL_TRACE_CODE_SHIFT = 48,
    HL_TRACE_CODE_FREE = 0,
    HL_TRACE_CODE_LARGEST = 0xFFFD,
    HL_TRACE_CODE_SKIP = 0xFFFE,
    HL_TRACE_CODE_LONG = 0xFFFF,
};

#define HL_TRACE_ADDRESS_MASK (((uint64_t)1 << HL_TRACE_CODE_SHIFT) - 1)

// What does not fit above: call stacks, large blocks, a cycle counter or core that the program gave.  Followed by `depth`
// addresses, innermost caller first, and filled up to whole units.
struct hl_trace_long_event {
    struct hl_trace_event event;
    uint64_t address;
    uint64_t size;
    uint32_t ccount;
    uint16_t is_free;
    uint16_t depth;
};

static inline uint64_t hl_trace_long_event_bytes(uint32_t depth) {
    uint64_t bytes = sizeof(struct hl_trace_long_event) + (uint64_t)depth * sizeof(uint64_t);
    return (bytes + HL_TRACE_UNIT_BYTES - 1) & ~(uint64_t)(HL_TRACE_UNIT_BYTES - 1);
}

// tail ≤ head ≤ tail + HL_TRACE_RING_BYTES; positions count bytes, never wrap, and are multiples of a unit.
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

static inline void *hl_trace_ring_at(const struct hl_trace_ring *ring, uint64_t position) {
    return ring->memory + (position & (HL_TRACE_RING_BYTES - 1));
}

// Whether there is room for so many bytes.
static inline bool hl_trace_ring_has_room(struct hl_trace_ring *ring, uint64_t bytes) {
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed); // own store
    if (__builtin_expect(head + bytes - ring->known_tail <= HL_TRACE_RING_BYTES, 1))
        return true;
    // Acquire: pairs with the release of hl_trace_merge; the reader is done with those bytes.
    ring->known_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    return head + bytes - ring->known_tail <= HL_TRACE_RING_BYTES;
}

// Room for one unit, or NULL when the ring is full.  Never while active.
static inline struct hl_trace_event *hl_trace_ring_reserve(struct hl_trace_ring *ring) {
    if (!hl_trace_ring_has_room(ring, HL_TRACE_UNIT_BYTES))
        return 0;
    return hl_trace_ring_at(ring, atomic_load_explicit(&ring->head, memory_order_relaxed)); // own store
}

// The same for a long event.  It does not wrap: the rest of the ring is skipped.
struct hl_trace_long_event *hl_trace_ring_reserve_long(struct hl_trace_ring *ring, uint32_t depth);

// Asks for a line that will be written soon.
static inline void hl_trace_ring_claim(const struct hl_trace_ring *ring, uint64_t position) {
    const char *line = hl_trace_ring_at(ring, position);
#if defined(__x86_64__)
    // Not the builtin: without the instruction's own compiler flag that one asks for a line to read. A processor that
    // lacks it does nothing.
    __asm__ volatile("prefetchw %0" ::"m"(*line));
#else
    __builtin_prefetch(line, 1);
#endif
}

static inline void hl_trace_ring_commit(struct hl_trace_ring *ring, uint64_t bytes) {
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed); // own store
    // Release: pairs with the acquires of hl_trace_merge, which then sees the whole event.
    atomic_store_explicit(&ring->head, head + bytes, memory_order_release);
    // Once for each line that is full now.
    for (uint64_t line = head & ~(uint64_t)63; line != ((head + bytes) & ~(uint64_t)63); line += 64)
        hl_trace_ring_claim(ring, line + HL_TRACE_CLAIM_BYTES);
}
