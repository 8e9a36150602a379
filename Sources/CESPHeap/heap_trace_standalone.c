// SPDX-License-Identifier: Apache-2.0
//
// Writing and merging traced events.  See heap_trace_standalone.h, and heap_trace_ring.h for the protocol.

#include "heap_trace_standalone.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "chip.h"
#include "heap.h"
#include "heap_trace_clock.h"
#include "heap_trace_merge.h"
#include "heap_trace_ring.h"
#include "heap_trace_stack.h"
#include "kernel.h"

struct hl_trace_store hl_trace_store = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct hl_trace_ring rings[HL_TRACE_RINGS];
static pthread_mutex_t foreign_lock = PTHREAD_MUTEX_INITIALIZER;

bool hl_trace_store_open(void) {
    static bool open;
    if (open)
        return true;
    for (unsigned i = 0; i < HL_TRACE_RINGS; i++) {
        if (!hl_trace_ring_create(&rings[i]))
            return false;
    }
    hl_trace_store.writer_needs_fence =
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) != 0;
    open = true;
    return true;
}

static void wait_for_writer(const struct hl_trace_ring *ring) {
    // Acquire: pairs with the release that ends the writer's event.
    for (unsigned spins = 0; atomic_load_explicit(&ring->active, memory_order_acquire); spins++) {
        if (spins > 100)
            sched_yield();
    }
}

static void merge_up_to_now(void) {
    uint64_t now = hl_trace_stamp();
    if (!hl_trace_store.writer_needs_fence)
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    // Sequentially consistent: pairs with the writers' fences.
    atomic_thread_fence(memory_order_seq_cst);
    for (unsigned i = 0; i < HL_TRACE_RINGS; i++)
        wait_for_writer(&rings[i]);
    hl_trace_merge(rings, now, HL_TRACE_ALL_PUBLISHED, &hl_trace_store.list);
}

void hl_trace_store_enter(void) {
    pthread_mutex_lock(&hl_trace_store.lock);
    if (rings[0].memory)
        merge_up_to_now();
}

void hl_trace_store_leave(void) {
    pthread_mutex_unlock(&hl_trace_store.lock);
}

// Room need not be made up to now: as far as both cores' events are known will do, and then no barrier disturbs the other
// core.  Only if that core records nothing, that is not far.
static HL_SLOW void make_room(struct hl_trace_ring *ring) {
    pthread_mutex_lock(&hl_trace_store.lock);
    uint64_t now = hl_trace_stamp();
    // Sequentially consistent: pairs with the foreign writer's fence.
    atomic_thread_fence(memory_order_seq_cst);
    wait_for_writer(&rings[HL_TRACE_FOREIGN_RING]);
    hl_trace_merge(rings, now, HL_TRACE_WHILE_KNOWN, &hl_trace_store.list);
    if (!hl_trace_ring_has_room(ring, HL_TRACE_RING_BYTES / 2))
        merge_up_to_now();
    pthread_mutex_unlock(&hl_trace_store.lock);
}

// From here to `end`, the time is taken and the event written.
static inline uint64_t begin(struct hl_trace_ring *ring, bool fenced) {
    // Relaxed: the reader's barrier orders it before the counter is read, or else the fence.
    atomic_store_explicit(&ring->active, 1, memory_order_relaxed);
    if (__builtin_expect(fenced, 0))
        atomic_thread_fence(memory_order_seq_cst);
    else
        atomic_signal_fence(memory_order_seq_cst);
    return hl_trace_stamp();
}

static inline void end(struct hl_trace_ring *ring, uint64_t bytes) {
    hl_trace_ring_commit(ring, bytes);
    // Release: pairs with the acquire in wait_for_writer.
    atomic_store_explicit(&ring->active, 0, memory_order_release);
}

static inline void write_unit(struct hl_trace_ring *ring, struct hl_trace_event *event, uint64_t what) {
    event->stamp = begin(ring, hl_trace_store.writer_needs_fence);
    event->what = what;
    end(ring, HL_TRACE_UNIT_BYTES);
}

static HL_SLOW void write_short_slow(struct hl_trace_ring *ring, uint64_t what) {
    struct hl_trace_event *event;
    while (!(event = hl_trace_ring_reserve(ring)))
        make_room(ring);
    write_unit(ring, event, what);
}

// Cost: one counter read, four stores and a half, no atomic instruction.  See Perf.
HL_HOT void write_short(struct hl_trace_ring *ring, uint64_t what) {
    struct hl_trace_event *event = hl_trace_ring_reserve(ring);
    if (__builtin_expect(event != NULL, 1))
        write_unit(ring, event, what);
    else
        write_short_slow(ring, what);
}

static void write_long(struct hl_trace_ring *ring, const struct hl_trace_long_event *given, const uint32_t *ccount,
                       uint32_t core, const void *frame) {
    uint32_t depth = hl_trace_store.depth;
    struct hl_trace_long_event *event;
    while (!(event = hl_trace_ring_reserve_long(ring, depth)))
        make_room(ring);
    bool is_foreign = ring == &rings[HL_TRACE_FOREIGN_RING];
    uint64_t stamp = begin(ring, is_foreign || hl_trace_store.writer_needs_fence);
    *event = *given;
    event->event.stamp = stamp;
    event->event.what = (uint64_t)HL_TRACE_CODE_LONG << HL_TRACE_CODE_SHIFT;
    event->ccount = ((ccount ? *ccount : (uint32_t)stamp) & ~3u) | core;
    event->depth = (uint16_t)depth;
    hl_trace_stack((uint64_t *)(event + 1), depth, frame);
    end(ring, hl_trace_long_event_bytes(depth));
}

static void write_somewhere(const struct hl_trace_long_event *given, const uint32_t *ccount, uint32_t foreign_core,
                            const void *frame) {
    const struct hl_task *self = hl_task_self;
    if (self && self->core >= 0) {
        write_long(&rings[self->core], given, ccount, (uint32_t)self->core, frame);
        return;
    }
    pthread_mutex_lock(&foreign_lock);
    write_long(&rings[HL_TRACE_FOREIGN_RING], given, ccount, foreign_core, frame);
    pthread_mutex_unlock(&foreign_lock);
}

static __attribute__((noinline)) void allocation_as_long(const struct hl_chip *chip, uint64_t address, uint64_t size,
                                                         const uint32_t *ccount, const void *frame) {
    struct hl_trace_long_event event = {.address = address, .size = size};
    write_somewhere(&event, ccount, chip->port.core_id(chip->port.context), frame);
}

static __attribute__((noinline)) void free_as_long(uint64_t address, const void *frame) {
    struct hl_trace_long_event event = {.address = address, .is_free = true};
    write_somewhere(&event, NULL, 0, frame);
}

// The core's ring for short events, or NULL.
static inline struct hl_trace_ring *short_ring(uint64_t address) {
    const struct hl_task *self = hl_task_self;
    if (!self || self->core < 0 || hl_trace_store.depth > 0 || address > HL_TRACE_ADDRESS_MASK)
        return NULL;
    return &rings[self->core];
}

void hl_trace_store_allocation(const struct hl_chip *chip, uint64_t address, uint64_t size, const uint32_t *ccount,
                               const void *frame) {
    struct hl_trace_ring *ring = short_ring(address);
    if (__builtin_expect(ring && !ccount && size - 1 < HL_TRACE_CODE_LARGEST, 1))
        write_short(ring, address | size << HL_TRACE_CODE_SHIFT);
    else
        allocation_as_long(chip, address, size, ccount, frame);
}

void hl_trace_store_free(uint64_t address, const void *frame) {
    struct hl_trace_ring *ring = short_ring(address);
    if (__builtin_expect(ring != NULL, 1))
        write_short(ring, address | (uint64_t)HL_TRACE_CODE_FREE << HL_TRACE_CODE_SHIFT);
    else
        free_as_long(address, frame);
}
