// SPDX-License-Identifier: Apache-2.0
//
// See overhead.h. All sums are additions to the process file's first page: a reader wants recent values only, so all are relaxed.

#include "overhead.h"

#define EARLY_EVENTS 2048u // about what one segment holds
#define TURNS_EVERY 16u    // changes of segments
#define IN_A_TURN 8u       // events timed
#define WARM 4u            // events run as if timed before one is

// A thread that loses the processor while it is timed shows milliseconds where an event takes nanoseconds. What is longer than some
// 10 µs counts as that much and is told apart: the longest captures of a stack are shorter, and are rare.
static uint64_t longest = 1u << 15;

static struct hl_overhead *sums(void) {
    return (struct hl_overhead *)(hl_recorder.base + HL_OVERHEAD_OFFSET);
}

void hl_overhead_start(void) {
    uint64_t hz = hl_clock_hz();
    if (hz) longest = hz / 100000 + 1;
    sums()->processor_start_ns = hl_platform_processor_ns();
}

void hl_overhead_processor(void) {
    uint64_t now = hl_platform_processor_ns();
    if (now > sums()->processor_start_ns) hl_store_relaxed(&sums()->processor_ns, now - sums()->processor_start_ns);
}

void hl_overhead_own(uint64_t start) {
    hl_add_relaxed(&sums()->own_ticks, hl_clock_counter() - start);
}

void hl_overhead_search(uint64_t start) {
    hl_add_relaxed(&sums()->search_ticks, hl_clock_counter() - start);
}

void hl_overhead_segment(uint64_t start, uint64_t waited) {
    uint64_t ticks = hl_clock_counter() - start - waited;
    if (waited) hl_add_relaxed(&sums()->waited_ticks, waited);
    // As for events: making a segment's storage takes some 10 µs, losing the processor meanwhile far more.
    if (ticks > 16 * longest) ticks = 16 * longest;
    hl_add_relaxed(&sums()->own_ticks, ticks);
}

static uint32_t chance(uint32_t bits) {
    return (uint32_t)(hl_clock_counter() * 0x9e3779b97f4a7c15u >> (64 - bits));
}

static void mark(struct hl_thread *self) {
    __atomic_fetch_or(&self->skip, HL_SKIP_TIMED, __ATOMIC_RELAXED); // only this thread looks at it
}
static void unmark(struct hl_thread *self) {
    __atomic_fetch_and(&self->skip, ~HL_SKIP_TIMED, __ATOMIC_RELAXED); // as above
}

void hl_timing_turn(struct hl_thread *self) {
    // Not by chance: the cost of recording, counted in instructions, is to be the same in each run.
    if (hl_add_relaxed(&sums()->changes, 1u) % TURNS_EVERY != TURNS_EVERY / 4 || self->skip & HL_SKIP_TIMED) return;
    self->until_timed = 128 + chance(6);
    self->timed_left = IN_A_TURN;
    mark(self);
}

void hl_timing_first(struct hl_thread *self) {
    enum hl_mode mode = hl_recorder.options.mode;
    if (mode != HL_MODE_ALL && mode != HL_MODE_LEAKS) return;
    if (hl_recorder.options.source != HL_SOURCE_LINUX) return; // of an emulated chip's events none comes by the twins
    if (hl_exchange(&sums()->begun, 1u)) return;
    self->until_timed = chance(7);
    self->early_left = EARLY_EVENTS;
    mark(self);
}

static struct hl_timed *timed_of(struct hl_thread *self, uint32_t is_free) {
    return &(self->early_left ? sums()->early : sums()->later)[is_free];
}

// A signal's handler may run these in the middle of themselves. An event is then counted down twice or not at all, or the handler's
// is timed in the place of the program's: nothing depends on which it is.
HL_SLOW int hl_timing_next(struct hl_thread *self, uint32_t is_free) {
    if (self->early_left) {
        if (self->early_left == 1) {
            self->early_left = 0;
            unmark(self);
            return 0;
        }
        self->early_left--;
        hl_add_relaxed(&timed_of(self, is_free)->events, (uint64_t)1);
    }
    self->is_timed = !self->until_timed;
    if (self->until_timed) self->until_timed--;
    return self->is_timed || self->until_timed < WARM;
}

HL_SLOW void hl_timing_take(struct hl_thread *self, uint32_t is_free, struct hl_timing timing, uint64_t end) {
    if (!self->is_timed) return;
    self->is_timed = 0;
    uint64_t ticks = end - timing.start;
    if (ticks > longest) {
        ticks = longest;
        hl_add_relaxed(&sums()->interrupted, (uint64_t)1);
    }
    struct hl_timed *timed = timed_of(self, is_free);
    hl_add_relaxed(&timed->timed, (uint64_t)1);
    hl_add_relaxed(&timed->ticks, ticks);
    hl_add_relaxed(&sums()->empty_ticks, timing.empty < longest ? timing.empty : longest);
    self->until_timed = self->early_left ? chance(7) : WARM + chance(3); // one in 64.5
    if (!self->early_left && !--self->timed_left) unmark(self);
}
