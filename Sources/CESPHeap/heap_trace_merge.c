// SPDX-License-Identifier: Apache-2.0
//
// See heap_trace_merge.h.  Whose event is next is a coin toss when two cores are busy, and a wrong guess costs the processor
// as much as an event.  So events are first put in order, without a branch that depends on it, and then applied, a batch
// at a time.

#include "heap_trace_merge.h"

#include <stddef.h>

// Events of a batch; how far ahead lines are fetched that another core wrote.
enum { BATCH = 128, AHEAD_BYTES = 512 };

_Static_assert(HL_KERNEL_CORES == 2, "two rings are merged by one comparison");

#if __has_builtin(__builtin_unpredictable)
#define UNPREDICTABLE(condition) __builtin_unpredictable(condition)
#else
#define UNPREDICTABLE(condition) (condition)
#endif

// The reader's place in a ring.
struct cursor {
    const struct hl_trace_event *event; // the oldest that was not taken, or `nothing`
    const struct hl_trace_event *end;   // behind the last one published before the ring's end; NULL for `nothing`
    uint64_t at, head;                  // of `event`; of what is published, as far as known
    struct hl_trace_ring *ring;
};

// In order, on its way to the list.
struct step {
    uint64_t what;
    uint32_t ccount;
};

static const struct hl_trace_event nothing = {UINT64_MAX, (uint64_t)HL_TRACE_CODE_SKIP << HL_TRACE_CODE_SHIFT};
static const uint64_t no_stack[HL_TRACE_MAXIMUM_DEPTH];

static void place(struct cursor *cursor) {
    uint64_t rest = HL_TRACE_RING_BYTES - (cursor->at & (HL_TRACE_RING_BYTES - 1));
    uint64_t published = cursor->head - cursor->at;
    cursor->event = &nothing;
    cursor->end = NULL;
    if (published > 0) {
        cursor->event = hl_trace_ring_at(cursor->ring, cursor->at);
        cursor->end = cursor->event + (published < rest ? published : rest) / HL_TRACE_UNIT_BYTES;
    }
}

static void look_for_more(struct cursor *cursor) {
    // Acquire: pairs with the release in hl_trace_ring_commit.
    cursor->head = atomic_load_explicit(&cursor->ring->head, memory_order_acquire);
    place(cursor);
}

static void begin(struct cursor *cursor, struct hl_trace_ring *ring) {
    cursor->ring = ring;
    // Relaxed: only the reader stores it.
    cursor->at = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    look_for_more(cursor);
}

static void go_on(struct cursor *cursor, uint64_t bytes) {
    cursor->at += bytes;
    place(cursor);
}

static void give_back(const struct cursor *cursor) {
    // Release: pairs with the acquire in hl_trace_ring_has_room; the reader is done with those bytes.
    atomic_store_explicit(&cursor->ring->tail, cursor->at, memory_order_release);
}

static inline bool is_short(uint64_t what) {
    return what >> HL_TRACE_CODE_SHIFT <= HL_TRACE_CODE_LARGEST;
}

// Puts short events of the two cores in order, until the batch is full, or the next one is stamped after `limit`, is a
// long one, or lies behind an end.  How many.
// Cost: 7 to 8 cycles an event, one store to load after the other.
static unsigned put_in_order(struct cursor cores[HL_KERNEL_CORES], uint64_t limit, struct step batch[BATCH]) {
    const struct hl_trace_event *left = cores[0].event, *right = cores[1].event;
    const struct hl_trace_event *left_end = cores[0].end, *right_end = cores[1].end;
    unsigned count = 0;
    while (count < BATCH) {
        uint64_t stamp = left->stamp, other = right->stamp;
        bool is_right = other < stamp;
        const struct hl_trace_event *event = UNPREDICTABLE(is_right) ? right : left;
        stamp = UNPREDICTABLE(is_right) ? other : stamp;
        if (stamp > limit || !is_short(event->what))
            break;
        batch[count].what = event->what;
        batch[count].ccount = ((uint32_t)stamp & ~3u) | is_right;
        count++;
        __builtin_prefetch((const char *)event + AHEAD_BYTES);
        left += !is_right;
        right += is_right;
        if (left == left_end || right == right_end)
            break;
    }
    if (cores[0].end)
        go_on(&cores[0], (uint64_t)((const char *)left - (const char *)cores[0].event));
    if (cores[1].end)
        go_on(&cores[1], (uint64_t)((const char *)right - (const char *)cores[1].event));
    return count;
}

static void apply(struct hl_trace_list *list, const struct step *batch, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        uint64_t address = batch[i].what & HL_TRACE_ADDRESS_MASK, size = batch[i].what >> HL_TRACE_CODE_SHIFT;
        if (size != HL_TRACE_CODE_FREE)
            hl_trace_list_add(list, address, size, batch[i].ccount, no_stack);
        else
            hl_trace_list_free(list, address, no_stack);
    }
}

// The list may have got another depth since.
static void apply_long(struct hl_trace_list *list, const struct hl_trace_long_event *event) {
    uint64_t stack[HL_TRACE_MAXIMUM_DEPTH] = {0};
    for (uint32_t i = 0; i < event->depth; i++)
        stack[i] = ((const uint64_t *)(event + 1))[i];
    if (event->is_free)
        hl_trace_list_free(list, event->address, stack);
    else
        hl_trace_list_add(list, event->address, event->size, event->ccount, stack);
}

static struct cursor *first_of(struct cursor *cursors) {
    struct cursor *first = &cursors[0];
    for (unsigned i = 1; i < HL_TRACE_RINGS; i++)
        first = cursors[i].event->stamp < first->event->stamp ? &cursors[i] : first;
    return first;
}

// Whether each core's next event is there to be seen.
static bool are_known(struct cursor cores[HL_KERNEL_CORES]) {
    for (unsigned core = 0; core < HL_KERNEL_CORES; core++) {
        if (!cores[core].end)
            look_for_more(&cores[core]);
        if (!cores[core].end)
            return false;
    }
    return true;
}

void hl_trace_merge(struct hl_trace_ring rings[HL_TRACE_RINGS], uint64_t limit, enum hl_trace_reach reach,
                    struct hl_trace_list *list) {
    struct cursor cursors[HL_TRACE_RINGS];
    struct step batch[BATCH];
    for (unsigned i = 0; i < HL_TRACE_RINGS; i++)
        begin(&cursors[i], &rings[i]);
    while (reach == HL_TRACE_ALL_PUBLISHED || are_known(cursors)) {
        uint64_t foreign = cursors[HL_TRACE_FOREIGN_RING].event->stamp;
        unsigned count = put_in_order(cursors, foreign < limit ? foreign : limit, batch);
        apply(list, batch, count);
        if (count == 0) {
            struct cursor *first = first_of(cursors);
            if (first->event->stamp > limit || !first->end)
                break;
            if (first->event->what >> HL_TRACE_CODE_SHIFT == HL_TRACE_CODE_SKIP) {
                go_on(first, HL_TRACE_RING_BYTES - (first->at & (HL_TRACE_RING_BYTES - 1)));
                continue;
            }
            const struct hl_trace_long_event *event = (const void *)first->event;
            apply_long(list, event);
            go_on(first, hl_trace_long_event_bytes(event->depth));
        }
        // A writer that waits for room need not wait for the end.
        for (unsigned core = 0; core < HL_KERNEL_CORES; core++)
            give_back(&cursors[core]);
    }
    for (unsigned i = 0; i < HL_TRACE_RINGS; i++)
        give_back(&cursors[i]);
}
