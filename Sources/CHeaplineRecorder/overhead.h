// SPDX-License-Identifier: Apache-2.0
//
// What recording costs the program, measured while it goes on. Events are timed by sample: a thread whose turn has come is marked in
// hl_thread.skip, which sends its next events through the slow twins of record.c, and one of those is timed there between two
// looks at the clock. The hot path knows nothing of it.
//
// Whose turn it is. The thread that moves a core to its next segment, one time in sixteen, so that each event is as likely as any
// other to be near. It lets 128 events or more pass: the change of segments asks the kernel for things, and the processor then
// has to learn the program's branches again. Then it times eight events, whichever come, some apart, so that no kind of event and no
// place in a loop is preferred. Before the first segment is full there would be nothing, and the first events of a process cost more
// than later ones: its first thread times one event in 64 among its first ones, and those speak for themselves only.
#pragma once

#include "atomics.h"
#include "clock.h"
#include "platform.h"
#include "thread.h"

struct hl_timing {
    uint64_t empty; // ticks between two looks at the clock with nothing between
    uint64_t start; // 0: this event is not timed
};

// A marked thread's next event: counts down, and returns 1 when the event is to be run as if timed: it is the one, or just before it.
HL_SLOW int hl_timing_next(struct hl_thread *self, uint32_t is_free);
// `is_free`: 0 an allocation, 1 a free. Costs nothing to speak of for threads that are not marked.
HL_HOT struct hl_timing hl_timing_begin(struct hl_thread *self, uint32_t is_free) {
    if (hl_likely(!(self->skip & HL_SKIP_TIMED)) || !hl_timing_next(self, is_free)) return (struct hl_timing){0, 0};
    uint64_t before = hl_clock_counter(), start = hl_clock_counter();
    return (struct hl_timing){start - before, start};
}

// The event has ended: adds its time to the sums when it was the one.
HL_SLOW void hl_timing_take(struct hl_thread *self, uint32_t is_free, struct hl_timing timing, uint64_t end);
HL_HOT void hl_timing_end(struct hl_thread *self, uint32_t is_free, struct hl_timing timing) {
    if (hl_unlikely(timing.start)) hl_timing_take(self, is_free, timing, hl_clock_counter());
}

// A core has moved to its next segment: this thread's turn.
void hl_timing_turn(struct hl_thread *self);
// This thread begins to be recorded; the first of a process times some of its first events.
void hl_timing_first(struct hl_thread *self);

// Once for each recording: nothing is measured yet.
void hl_overhead_start(void);
// Processor time so far, for the trace. By the program's end, and whenever somebody wants to know. Signal-safe.
void hl_overhead_processor(void);
// Work of the recorder's own that took from `start` to now, and is measured whole.
void hl_overhead_own(uint64_t start);
void hl_overhead_segment(uint64_t start, uint64_t waited);
void hl_overhead_search(uint64_t start);
