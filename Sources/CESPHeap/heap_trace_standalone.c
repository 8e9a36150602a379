// SPDX-License-Identifier: Apache-2.0
//
// Writing and merging traced events.  See heap_trace_standalone.h, and heap_trace_ring.h for the protocol.

#include "heap_trace_standalone.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "heap_trace_clock.h"
#include "heap_trace_ring.h"
#include "heap_trace_stack.h"
#include "kernel.h"

enum { FOREIGN_RING = HL_KERNEL_CORES, RINGS };

struct hl_trace_store hl_trace_store = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct hl_trace_ring rings[RINGS];
static pthread_mutex_t foreign_lock = PTHREAD_MUTEX_INITIALIZER;
// Set once before the first event.
static bool writer_needs_fence;

bool hl_trace_store_open(void) {
    static bool open;
    if (open)
        return true;
    for (unsigned i = 0; i < RINGS; i++) {
        if (!hl_trace_ring_create(&rings[i]))
            return false;
    }
    writer_needs_fence = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) != 0;
    open = true;
    return true;
}

static void wait_for_writers(void) {
    if (!writer_needs_fence)
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    else
        atomic_thread_fence(memory_order_seq_cst);
    for (unsigned i = 0; i < RINGS; i++) {
        // Acquire: pairs with the release that ends the writer's event.
        for (unsigned spins = 0; atomic_load_explicit(&rings[i].active, memory_order_acquire); spins++) {
            if (spins > 100)
                sched_yield();
        }
    }
}

// Kernel of the merge: the oldest published event first, up to `limit`. Two busy cores take turns at every event, so each
// ring's oldest event is looked up once, and its bytes are given back once, at the end.
static void merge_until(uint64_t limit) {
    struct hl_trace_cursor cursors[RINGS];
    for (unsigned i = 0; i < RINGS; i++)
        hl_trace_cursor_begin(&cursors[i], &rings[i]);
    for (;;) {
        struct hl_trace_cursor *first = &cursors[0];
        for (unsigned i = 1; i < RINGS; i++)
            first = cursors[i].stamp < first->stamp ? &cursors[i] : first;
        if (first->stamp > limit || !first->event)
            break;
        const struct hl_trace_event *event = first->event;
        const uint64_t *stack = (const uint64_t *)(event + 1);
        if (event->kind == HL_TRACE_EVENT_ALLOCATE)
            hl_trace_list_add(&hl_trace_store.list, event->address, event->size, event->ccount, stack);
        else
            hl_trace_list_free(&hl_trace_store.list, event->address, stack);
        hl_trace_cursor_next(first);
    }
    for (unsigned i = 0; i < RINGS; i++)
        hl_trace_cursor_end(&cursors[i]);
}

void hl_trace_store_enter(void) {
    pthread_mutex_lock(&hl_trace_store.lock);
    if (!rings[0].memory)
        return;
    uint64_t limit = hl_trace_stamp_after();
    wait_for_writers();
    merge_until(limit);
}

void hl_trace_store_leave(void) {
    pthread_mutex_unlock(&hl_trace_store.lock);
}

static __attribute__((noinline, cold)) void make_room(void) {
    hl_trace_store_enter();
    hl_trace_store_leave();
}

// Cost at depth 0: one counter read, six stores, no atomic instruction.  See Perf.
static inline void write_event(struct hl_trace_ring *ring, uint16_t kind, uint64_t address, uint64_t size,
                               const uint32_t *ccount, uint32_t core, const void *frame) {
    uint32_t depth = hl_trace_store.depth;
    struct hl_trace_event *event = hl_trace_ring_reserve(ring, depth);
    while (__builtin_expect(!event, 0)) {
        make_room();
        event = hl_trace_ring_reserve(ring, depth);
    }
    // Relaxed: the reader's barrier orders it before the counter is read.
    atomic_store_explicit(&ring->active, 1, memory_order_relaxed);
    if (writer_needs_fence)
        atomic_thread_fence(memory_order_seq_cst);
    else
        atomic_signal_fence(memory_order_seq_cst);
    uint64_t stamp = kind == HL_TRACE_EVENT_ALLOCATE ? hl_trace_stamp_after() : hl_trace_stamp_before();
    event->stamp = stamp;
    event->address = address;
    event->size = size;
    event->ccount = ((ccount ? *ccount : (uint32_t)stamp) & ~3u) | core;
    event->kind = kind;
    event->depth = (uint16_t)depth;
    if (depth > 0)
        hl_trace_stack((uint64_t *)(event + 1), depth, frame);
    hl_trace_ring_commit(ring, depth);
    // Release: pairs with the acquire in wait_for_writers.
    atomic_store_explicit(&ring->active, 0, memory_order_release);
}

static inline void record(uint16_t kind, uint64_t address, uint64_t size, const uint32_t *ccount, uint32_t core,
                          const void *frame) {
    const struct hl_task *self = hl_task_self;
    if (self && self->core >= 0) {
        write_event(&rings[self->core], kind, address, size, ccount, (uint32_t)self->core, frame);
        return;
    }
    pthread_mutex_lock(&foreign_lock);
    write_event(&rings[FOREIGN_RING], kind, address, size, ccount, core, frame);
    pthread_mutex_unlock(&foreign_lock);
}

void hl_trace_store_allocation(uint64_t address, uint64_t size, const uint32_t *ccount, uint32_t core,
                               const void *frame) {
    record(HL_TRACE_EVENT_ALLOCATE, address, size, ccount, core, frame);
}

void hl_trace_store_free(uint64_t address, const void *frame) {
    record(HL_TRACE_EVENT_FREE, address, 0, NULL, 0, frame);
}
