// SPDX-License-Identifier: Apache-2.0
//
// The merge of the cores' rings (heap_trace_merge.h) with times that are known: random events of random kinds, short and
// long, until a ring is full or by chance; then a merge up to a random time.  What was taken must be the oldest events, all
// of them and no more, and the list must equal the naive one.
// It can find: wrong order, events lost, doubled or torn at a ring's end, wrong packing.  It cannot find: errors in who may
// write and read when; the other runs and the thread sanitizer are for that.

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "heap_trace_merge.h"
#include "model.h"
#include "naive_list.h"

enum {
    PENDING = HL_TRACE_RINGS * HL_TRACE_RING_BYTES / HL_TRACE_UNIT_BYTES,
    ADDRESSES = 40,
    EVENTS_AT_A_TIME = 12000,
};

// Written, not yet known to be taken; in order of time.
struct pending {
    uint64_t stamp, end; // the ring's position behind it
    uint64_t address, size;
    uint8_t ring, core;
    bool is_free;
};

static struct pending pending[PENDING];
static unsigned pending_count;
static struct hl_trace_ring rings[HL_TRACE_RINGS];
static struct hl_trace_list list;
static struct naive_list naive;
static char *buffer;
static uint64_t now, done;

static struct pending random_event(uint64_t *state) {
    struct pending event = {.ring = (uint8_t)below(state, 64)};
    event.ring = event.ring == 0 ? HL_TRACE_FOREIGN_RING : event.ring & 1;
    event.core = event.ring == HL_TRACE_FOREIGN_RING ? (uint8_t)below(state, 2) : event.ring;
    // Events at one time come in order of their rings.
    bool may_tie = pending_count > 0 && pending[pending_count - 1].ring < event.ring;
    now += 8 * below(state, 50) + (may_tie ? 0 : 8);
    event.stamp = now;
    event.address = 0x3fc90000 + 16 * below(state, ADDRESSES);
    if (below(state, 50) == 0)
        event.address |= (uint64_t)1 << (46 + below(state, 10));
    event.is_free = below(state, 2) == 0;
    if (!event.is_free)
        event.size = below(state, 50) ? 1 + below(state, 1000) : HL_TRACE_CODE_LARGEST - 3 + below(state, 70);
    return event;
}

static bool write_short(struct pending *event) {
    struct hl_trace_ring *ring = &rings[event->ring];
    struct hl_trace_event *place = hl_trace_ring_reserve(ring);
    if (!place)
        return false;
    uint64_t code = event->is_free ? HL_TRACE_CODE_FREE : event->size;
    *place = (struct hl_trace_event){event->stamp, event->address | code << HL_TRACE_CODE_SHIFT};
    hl_trace_ring_commit(ring, HL_TRACE_UNIT_BYTES);
    return true;
}

// Each frame of a stack tells the block's address.
static bool write_long(struct pending *event, uint32_t depth) {
    struct hl_trace_ring *ring = &rings[event->ring];
    struct hl_trace_long_event *place = hl_trace_ring_reserve_long(ring, depth);
    if (!place)
        return false;
    *place = (struct hl_trace_long_event){
        .event = {event->stamp, (uint64_t)HL_TRACE_CODE_LONG << HL_TRACE_CODE_SHIFT},
        .address = event->address,
        .size = event->size,
        .ccount = ((uint32_t)event->stamp & ~3u) | event->core,
        .is_free = event->is_free,
        .depth = (uint16_t)depth,
    };
    for (uint32_t i = 0; i < depth; i++)
        ((uint64_t *)(place + 1))[i] = event->address + i + 1;
    hl_trace_ring_commit(ring, hl_trace_long_event_bytes(depth));
    return true;
}

static bool write_event(uint64_t *state, struct pending *event) {
    bool fits_short = event->ring != HL_TRACE_FOREIGN_RING && event->address <= HL_TRACE_ADDRESS_MASK &&
                      event->size <= HL_TRACE_CODE_LARGEST;
    bool is_written = fits_short && below(state, 20) ? write_short(event) : write_long(event, below(state, 4));
    event->end = atomic_load(&rings[event->ring].head);
    return is_written;
}

static bool is_taken(const struct pending *event) {
    return atomic_load(&rings[event->ring].tail) >= event->end;
}

static void compare(void) {
    size_t i = 0;
    check(done, "invariants", true, hl_trace_list_check(&list));
    check(done, "count", naive.count, list.count);
    check(done, "allocations", naive.allocations, list.allocations);
    check(done, "frees", naive.frees, list.frees);
    check(done, "high water", naive.high_water, list.high_water);
    check(done, "overflow", naive.overflowed, list.overflowed);
    for (uint32_t slot = list.oldest; slot != HL_TRACE_NONE; slot = list.slots[slot].next, i++) {
        struct hl_trace_record *record = hl_trace_list_record(&list, slot);
        check(done, "address", naive.records[i].address, (uintptr_t)record->address);
        check(done, "size", naive.records[i].size, record->size);
        check(done, "core", naive.records[i].core, record->ccount & 1);
        check(done, "freed", naive.records[i].freed, record->freed);
        for (uint32_t frame = 0; frame < list.depth; frame++) {
            size_t by = (size_t)hl_trace_record_stack(&list, record, false)[frame];
            if (by != 0)
                check(done, "frame", naive.records[i].address + frame + 1, by);
        }
    }
}

static void merge(uint64_t limit, enum hl_trace_reach reach) {
    hl_trace_merge(rings, limit, reach, &list);
    unsigned taken = 0;
    while (taken < pending_count && is_taken(&pending[taken])) {
        const struct pending *event = &pending[taken++];
        check(done, "taken after the limit", true, event->stamp <= limit);
        if (event->is_free)
            naive_free(&naive, event->address);
        else
            naive_add(&naive, event->address, event->size, event->core);
    }
    bool left[HL_TRACE_RINGS] = {false};
    for (unsigned i = taken; i < pending_count; i++) {
        check(done, "taken before an older one", false, is_taken(&pending[i]));
        left[pending[i].ring] = true;
    }
    // Left although it could have been taken: only when a core's next event is not known.
    if (taken < pending_count && pending[taken].stamp <= limit)
        check(done, "taken too few", true, reach == HL_TRACE_WHILE_KNOWN && !(left[0] && left[1]));
    pending_count -= taken;
    memmove(pending, pending + taken, pending_count * sizeof *pending);
    compare();
}

static void begin(uint64_t *state) {
    uint32_t depth = below(state, 2) * 2, capacity = 1 + below(state, NAIVE_CAPACITY_MAXIMUM);
    size_t bytes = sizeof(struct hl_trace_record) + 2 * depth * sizeof(void *);
    list.high_water = 0;
    if (!buffer || !hl_trace_list_reset(&list, buffer, capacity, bytes, depth))
        fail(done, "no memory", 1, 0);
    list.leaks_only = below(state, 2) == 0;
    list.search = below(state, 2) == 0 ? HL_TRACE_OLDEST : HL_TRACE_NEWEST;
    naive = (struct naive_list){.capacity = capacity, .newest_first = list.search == HL_TRACE_NEWEST};
    naive_start(&naive, list.leaks_only);
}

void merge_model(uint64_t operations) {
    uint64_t state = seed | 1;
    buffer = calloc(NAIVE_CAPACITY_MAXIMUM, sizeof(struct hl_trace_record) + 4 * sizeof(void *));
    for (unsigned i = 0; i < HL_TRACE_RINGS; i++) {
        if (!hl_trace_ring_create(&rings[i]))
            fail(0, "no memory", 1, 0);
    }
    while (done < operations) {
        begin(&state);
        for (unsigned i = below(&state, EVENTS_AT_A_TIME); i > 0; i--, done++) {
            struct pending event = random_event(&state);
            while (!write_event(&state, &event)) {
                bool all = below(&state, 2) == 0;
                merge(all ? now - below(&state, 3000) : now, all ? HL_TRACE_ALL_PUBLISHED : HL_TRACE_WHILE_KNOWN);
            }
            pending[pending_count++] = event;
            if (below(&state, 2000) == 0)
                merge(now - below(&state, 3000), below(&state, 2) ? HL_TRACE_ALL_PUBLISHED : HL_TRACE_WHILE_KNOWN);
        }
        merge(now, HL_TRACE_ALL_PUBLISHED);
        check(done, "left over", 0, pending_count);
    }
    free(buffer);
}
