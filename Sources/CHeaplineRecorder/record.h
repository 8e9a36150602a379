// SPDX-License-Identifier: Apache-2.0
//
// The hot path, read top to bottom: what a hook does once the program's own allocator has done its work (or is about to free).
//
//   1. gate     one load says whether, and how, this process records
//   2. thread   one thread-local load finds this thread's state; exact counts are bumped
//   3. stack    the calls that led here become a node id (stack.h)
//   4. write    clock and record go to this core's buffer (buffer_rseq.h, buffer_cas.h)
//
// Everything unusual leaves through an HL_SLOW twin and comes back.
#pragma once

#include "buffer_cas.h"
#include "buffer_rseq.h"
#include "sample.h"
#include "thread.h"

// The core of the compare-exchange backend.
uint32_t hl_record_core(void);
// Slow twins: a thread whose events are not to be recorded as usual (ours, ignored, or in limbo) …
HL_SLOW void hl_record_skipped(struct hl_thread *self, enum hl_kind kind, uint64_t address, uint64_t size);
// … 1 when it only had to be made fit for another recording, and its event can go the usual way …
HL_SLOW int hl_record_renew(struct hl_thread *self);
// … a record of mode sample whose turn has come, or a free of a sampled block …
HL_SLOW int hl_sample_take(struct hl_thread *self, uint64_t address, uint64_t size);
HL_SLOW int hl_sample_drop(uint64_t address);
// … and what is done now and then, when a core moves to its next segment.
HL_SLOW void hl_record_at_segment_change(void);

// Where a hook stands: the registers of its caller. Only in functions that are `noinline`: the compiler would split others
// into a hot and a cold part, and the cold one would find itself called by the hot one.
#define hl_here()                                                                                  \
    ((struct hl_registers){                                                                        \
        .pc = (uintptr_t)__builtin_return_address(0),                                              \
        .sp = (uintptr_t)__builtin_dwarf_cfa(),                                                    \
        .fp = *(uintptr_t *)__builtin_frame_address(0),                                            \
    })

HL_HOT uint64_t hl_site(uint32_t stack, uint32_t thread) {
    return (uint64_t)thread << 32 | stack;
}

HL_HOT void hl_record_write(enum hl_kind kind, uint64_t address, uint64_t size, uint64_t site) {
    uint32_t core;
    uint64_t cursor;
    if (hl_likely(hl_recorder.backend == HL_BACKEND_RSEQ)) {
        for (;;) {
            int result = hl_buffer_write_rseq(kind, address, size, site, &core, &cursor);
            if (hl_likely(result == HL_WRITE_DONE)) return;
            if (result == HL_WRITE_NO_CORE) {
                hl_buffer_write_shared(kind, address, size, site);
                return;
            }
            if (hl_buffer_next_segment(core, cursor) < 0) return;
        }
    }
    do core = hl_record_core();
    while (!hl_buffer_write_cas(core, kind, address, size, site, &cursor) &&
           hl_buffer_next_segment(core, cursor) == 0);
}

// How this process records, read once for each event. Everything below HL_GATE_COUNT needs a look at what to do.
HL_HOT uint32_t hl_record_state(void) {
    return hl_load_relaxed(&hl_gate.state); // see hl_gate
}

// The thread whose event this is, or NULL when there is nothing to record. Updates a `state` of HL_GATE_WAKE.
HL_HOT struct hl_thread *hl_record_begin(uint32_t *state) {
    if (hl_unlikely(*state <= HL_GATE_BUSY)) {
        if (*state != HL_GATE_WAKE || (*state = hl_gate_wake()) <= HL_GATE_BUSY) return NULL;
    }
    struct hl_thread *self = hl_thread_self;
    if (hl_unlikely(!self)) {
        self = hl_thread_enter();
        if (hl_record_state() <= HL_GATE_BUSY) return NULL; // that takes a while, and recording may have ended meanwhile
    }
    return self;
}

// The same in the modes that mostly only count, and whenever the gate is not simply open: out of line, in record.c.
void hl_record_alloc_otherwise(enum hl_kind kind, uint64_t address, uint64_t size, uintptr_t pc, uintptr_t sp,
                               uintptr_t fp);
void hl_record_free_otherwise(enum hl_kind kind, uint64_t address, uintptr_t pc, uintptr_t sp, uintptr_t fp);

// What modes count and sample do for nearly every event: 1 when the event is counted and nothing else is to be done. A request is
// counted by its size alone, so this can be done before it is passed on: see malloc.c.
HL_HOT int hl_count_request(uint64_t size) {
    struct hl_thread *self = hl_thread_self;
    uint32_t state = hl_record_state();
    if (hl_unlikely(!self || self->skip)) return 0;
    if (state == HL_GATE_SAMPLE) {
        int64_t left = self->until_sample - (int64_t)size;
        if (hl_unlikely(left <= 0)) return 0;
        self->until_sample = left;
    } else if (hl_unlikely(state != HL_GATE_COUNT)) {
        return 0;
    }
    struct hl_thread_counts *counts = self->counts;
    hl_bump(&counts->allocations, 1);
    hl_bump(&counts->bytes, size);
    return 1;
}
HL_HOT int hl_count_free(uint64_t address) {
    struct hl_thread *self = hl_thread_self;
    uint32_t state = hl_record_state();
    if (hl_unlikely(!self || self->skip)) return 0;
    if (hl_unlikely(state != HL_GATE_COUNT) && (state != HL_GATE_SAMPLE || hl_sample_may_hold(address))) return 0;
    hl_bump(&self->counts->frees, 1);
    return 1;
}
// A reallocation: both at once, or neither.
HL_HOT int hl_count_reallocation(uint64_t old, uint64_t size) {
    struct hl_thread *self = hl_thread_self;
    if (hl_unlikely(hl_record_state() == HL_GATE_SAMPLE && hl_sample_may_hold(old))) return 0;
    if (hl_unlikely(!hl_count_request(size))) return 0;
    struct hl_thread_counts *counts = self->counts;
    hl_bump(&counts->frees, 1);
    hl_bump(&counts->reallocations, 1);
    return 1;
}

// Stack, clock and record of an event that is already counted.
HL_HOT void hl_record_event(struct hl_thread *self, enum hl_kind kind, uint64_t address, uint64_t size,
                            struct hl_registers from) {
    uint32_t stack = hl_recorder.depth ? hl_stack_capture(self->memo, from.pc, from.sp, from.fp, hl_recorder.depth) : HL_ROOT_NONE;
    hl_record_write(kind, address, size, hl_site(stack, self->index));
}

// After an allocation: `address` is what the allocator gave, 0 when it failed. `kind`: ALLOC or REALLOC_ALLOC.
HL_HOT void hl_record_alloc(enum hl_kind kind, uint64_t address, uint64_t size, struct hl_registers from) {
    struct hl_thread *self = hl_thread_self;
    if (hl_unlikely(hl_record_state() != HL_GATE_RECORD || !self || self->skip || !address)) {
        hl_record_alloc_otherwise(kind, address, size, from.pc, from.sp, from.fp);
        return;
    }
    hl_bump(&self->counts->allocations, 1);
    hl_bump(&self->counts->bytes, size);
    hl_record_event(self, kind, address, size, from);
}

// Before a free of `address`, which is not null. `kind`: FREE or REALLOC_FREE.
HL_HOT void hl_record_free(enum hl_kind kind, uint64_t address, struct hl_registers from) {
    struct hl_thread *self = hl_thread_self;
    if (hl_unlikely(hl_record_state() != HL_GATE_RECORD || !self || self->skip)) {
        hl_record_free_otherwise(kind, address, from.pc, from.sp, from.fp);
        return;
    }
    hl_bump(&self->counts->frees, 1);
    if (hl_unlikely(hl_recorder.free_stacks))
        hl_record_event(self, kind, address, 0, from);
    else
        hl_record_write(kind, address, 0, hl_site(HL_ROOT_NONE, self->index));
}

// A reallocation went well: its two halves were recorded; this only counts it.
HL_HOT void hl_record_reallocated(void) {
    struct hl_thread *self = hl_thread_self;
    if (hl_likely(self && !(self->skip & ~HL_SKIP_TIMED) && hl_load_relaxed(&hl_gate.state) > HL_GATE_BUSY)) // see hl_gate
        hl_bump(&self->counts->reallocations, 1);
}
// A reallocation failed: the old block, recorded as freed, lives on.
HL_SLOW void hl_record_realloc_failed(uint64_t old, uint64_t size);
// A mapping came or went.
HL_SLOW void hl_record_map(enum hl_kind kind, uint64_t address, uint64_t size, struct hl_registers from);
