// SPDX-License-Identifier: Apache-2.0
//
// The slow twins of record.h.

#include "record.h"
#include "modules.h"
#include "overhead.h"
#include "platform.h"
#include "sample.h"

#include <sched.h>

HL_SLOW uint32_t hl_record_core(void) {
    unsigned core = 0;
    if (hl_recorder.rseq_offset) {
        // rseq is there but was not chosen: it still tells the core for one load.
        core = *(volatile uint32_t *)((char *)__builtin_thread_pointer() + hl_recorder.rseq_offset + 4);
    } else {
        int found = sched_getcpu(); // the vDSO
        core = found < 0 ? 0 : (unsigned)found;
    }
    return core < hl_recorder.core_count ? core : hl_recorder.core_count;
}

HL_SLOW int hl_record_renew(struct hl_thread *self) {
    uint32_t skip = hl_load_relaxed(&self->skip) & ~HL_SKIP_TIMED; // our own thread's
    if (!skip) return 1;
    if (skip != HL_SKIP_STALE) return 0;
    hl_thread_renew(self);
    // Looked at again: a thread's first event takes a while, and recording may have ended meanwhile.
    return (hl_load_relaxed(&self->skip) & ~HL_SKIP_TIMED) == 0 && hl_record_state() > HL_GATE_BUSY;
}

HL_SLOW void hl_record_skipped(struct hl_thread *self, enum hl_kind kind, uint64_t address, uint64_t size) {
    uint32_t skip = hl_load_relaxed(&self->skip); // our own thread's, or STALE, which waits
    if (skip & ~(HL_SKIP_STALE | HL_SKIP_LIMBO | HL_SKIP_TIMED)) { // the recorder's own, or asked to be left out
        self->skipped++;
        return;
    }
    if (hl_record_state() <= HL_GATE_BUSY) return;       // ended meanwhile
    if (skip & HL_SKIP_STALE) hl_thread_renew(self);
    struct hl_thread_counts *sums = skip & HL_SKIP_LIMBO ? &hl_recorder.process->retired : self->counts;
    // Atomic, since all threads in limbo share one set of sums. Relaxed: sums, read when all is over.
    if (kind == HL_KIND_ALLOC_FAIL) {
        hl_add_relaxed(&sums->failures, (uint64_t)1);
    } else if (kind == HL_KIND_FREE || kind == HL_KIND_REALLOC_FREE) {
        hl_add_relaxed(&sums->frees, (uint64_t)1);
    } else {
        hl_add_relaxed(&sums->allocations, (uint64_t)1);
        hl_add_relaxed(&sums->bytes, size);
    }
    if (hl_load_relaxed(&hl_gate.state) != HL_GATE_RECORD) return;
    hl_record_write(kind, address, size, hl_site(skip & HL_SKIP_LIMBO ? HL_ROOT_LIMBO : HL_ROOT_NONE, self->index));
}

HL_SLOW static void sampled(struct hl_thread *self, enum hl_kind kind, uint64_t address, uint64_t size,
                            struct hl_registers from) {
    hl_record_event(self, kind, address, size, from);
}

void hl_record_alloc_otherwise(enum hl_kind kind, uint64_t address, uint64_t size, uintptr_t pc, uintptr_t sp,
                               uintptr_t fp) {
    uint32_t state = hl_record_state();
    struct hl_thread *self = hl_record_begin(&state);
    if (hl_unlikely(!self)) return;
    if (hl_unlikely(self->skip || !address) && (!address || !hl_record_renew(self))) {
        hl_record_skipped(self, address ? kind : HL_KIND_ALLOC_FAIL, address, size);
        return;
    }
    struct hl_timing timing = hl_timing_begin(self, 0);
    hl_bump(&self->counts->allocations, 1);
    hl_bump(&self->counts->bytes, size);
    if (state == HL_GATE_COUNT) return;
    if (state == HL_GATE_SAMPLE && (hl_likely((self->until_sample -= (int64_t)size) > 0) ||
                                    !hl_sample_take(self, address, size)))
        return;
    sampled(self, kind, address, size, (struct hl_registers){pc, sp, fp});
    hl_timing_end(self, 0, timing);
}

void hl_record_free_otherwise(enum hl_kind kind, uint64_t address, uintptr_t pc, uintptr_t sp, uintptr_t fp) {
    uint32_t state = hl_record_state();
    struct hl_thread *self = hl_record_begin(&state);
    if (hl_unlikely(!self)) return;
    if (hl_unlikely(self->skip) && !hl_record_renew(self)) {
        hl_record_skipped(self, kind, address, 0);
        return;
    }
    struct hl_timing timing = hl_timing_begin(self, 1);
    hl_bump(&self->counts->frees, 1);
    if (state == HL_GATE_COUNT) return;
    if (state == HL_GATE_SAMPLE && (hl_likely(!hl_sample_may_hold(address)) || !hl_sample_drop(address))) return;
    if (hl_recorder.free_stacks)
        sampled(self, kind, address, 0, (struct hl_registers){pc, sp, fp});
    else
        hl_record_write(kind, address, 0, hl_site(HL_ROOT_NONE, self->index));
    hl_timing_end(self, 1, timing);
}

HL_SLOW void hl_record_at_segment_change(void) {
    struct hl_thread *self = hl_thread_self;
    if (!self || self->skip & ~HL_SKIP_TIMED) return;
    if (hl_record_state() == HL_GATE_RECORD) hl_timing_turn(self);
    hl_modules_refresh();
    hl_thread_note_name(self);
}

HL_SLOW void hl_record_realloc_failed(uint64_t old, uint64_t size) {
    uint32_t state = hl_record_state();
    struct hl_thread *self = hl_record_begin(&state);
    if (!self || self->skip & ~HL_SKIP_TIMED) return;
    hl_bump(&self->counts->frees, -1);
    hl_bump(&self->counts->failures, 1);
    if (state == HL_GATE_RECORD) hl_record_write(HL_KIND_REALLOC_FAIL, old, size, hl_site(HL_ROOT_NONE, self->index));
}

HL_SLOW void hl_record_map(enum hl_kind kind, uint64_t address, uint64_t size, struct hl_registers from) {
    uint32_t state = hl_record_state();
    struct hl_thread *self = hl_record_begin(&state);
    if (!self || self->skip & ~HL_SKIP_TIMED || state != HL_GATE_RECORD) return;
    uint32_t stack = hl_recorder.depth ? hl_stack_capture(self->memo, from.pc, from.sp, from.fp, hl_recorder.depth) : HL_ROOT_NONE;
    hl_record_write(kind, address, size, hl_site(stack, self->index));
}
