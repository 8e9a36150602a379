// SPDX-License-Identifier: Apache-2.0
//
// A walk of all frames, for stacks of which no part stays as it was: a compiler's, a random recursion's. Where each step needs the
// one before, time goes by waiting for two loads: the return address, and its rule. So nothing else stands between
// them, and what is looked at besides runs in their shadow. The whole stack is then looked up at once (stack_cache.c).
//
// The trail saves both. For each place of the stack it keeps the frame that last was there, and where the frame that it leads to has its
// own place in the trail. Where the frames are those that were there before, as the outer ones of a stack mostly are, the walk goes from
// place to place in the trail, and looks at the stack only to see that it is so: the processor takes that for granted and goes on.
//
// Soundness. An entry holds the state (pc, sp) of a frame, and fp where its compact rule asks for it, and what the rule makes of these: the
// caller's sp, the slot of its pc, and that of its fp, or none. All three are a function of the state, within an epoch; so when the
// state is the same, and slot may be read, the step by the entry is the step by the rule. The state is compared at each step. fp is not
// carried along but the address of the word that holds it, since only rules of kind HL_RULE_FP ask for it: words of the stack do not change
// while its thread is here.
//
// The trail, and the thread's own copies of the rules that it met last, are a few KiB that are at hand; the rules of a large program
// are not. Where other frames come to lie in one place again and again, foreseeing wrongly costs more than waiting, and the trail is
// left for a while.
//
// Cost: 17 instructions a frame by the trail, 5 cycles where they go as foreseen; 22 otherwise, and 13 cycles.
#include "stack_memo.h"

#define STRAYS_OF 4u   // one frame in so many may be new to the trail, on average,
#define STRAYS_MOST 64u // with so many more for a while, before the trail is left
#define ASTRAY_RUN 63u // for so many captures

static inline struct hl_trail *trail_at(struct hl_stack_memo *memo, uintptr_t sp) {
    return &memo->trail[sp / 16 % HL_TRAILS];
}

// Makes the thread's own copy of a rule, where that is compact, and of the shape that the loop relies upon: where slot may be read,
// all from sp to slot may.
HL_UNWIND_SLOW static bool own_rule_make(struct hl_own_rule *own, uintptr_t pc, uint32_t rule) {
    uintptr_t cfa = hl_rule_cfa_offset(rule), ra = hl_rule_ra_offset(rule), fp = hl_rule_fp_offset(rule);
    if ((rule & 3) == HL_RULE_SPECIAL || ra == 0 || (fp != 0 && fp < ra) ||
        ((rule & 3) == HL_RULE_SP && (ra > cfa || fp > cfa))) {
        return false;
    }
    *own = (struct hl_own_rule){
        .pc = pc,
        .cfa = (int32_t)cfa | ((rule & 3) == HL_RULE_FP ? HL_OWN_RULE_FP : 0),
        .ra = (uint16_t)ra,
        .fp = (uint16_t)fp,
    };
    return true;
}

// One step of the walk that its loop does not take itself, from the frame at `at`. Returns why the stack ends (enum hl_root), 0 when it
// goes on, or HL_ROOT_NESTED: it led to an interrupted instruction, which this walk does not know how to go on from.
HL_UNWIND_SLOW static uint32_t step_otherwise(struct hl_cursor *at, uint32_t rule,
                                              struct hl_stack_window *window) {
    if ((rule & 3) != HL_RULE_SPECIAL) { // outside of the window, or not a frame
        enum hl_step step = hl_step_compact(at, rule, window);
        return hl_root_of(step);
    }
    enum hl_step step = hl_step_special(at, rule, window);
    return at->exact || at->link_known ? HL_ROOT_NESTED : hl_root_of(step);
}

// `by_trail`: a frame is looked for first where the last frame with this sp left its own.
static inline __attribute__((always_inline)) uint32_t
walk(struct hl_stack_memo *memo, uintptr_t pc, uintptr_t sp, uintptr_t own_fp, uint32_t depth, bool by_trail) {
    const uint64_t *entries = __atomic_load_n(&hl_rule_entries, __ATOMIC_ACQUIRE);
    const uint32_t epoch = memo->epoch;
    const uintptr_t innermost = sp;
    const struct hl_past *past = &memo->pasts[0];
    uint64_t *const end = past->fresh_pcs + past->capacity;
    uint64_t *const stop = end - depth;
    uint64_t *outermost = end;
    struct hl_stack_window window;
    hl_stack_window_open(&window, memo, innermost);
    // Slots below it may be read, sp being in the window, and slots above sp.
    uintptr_t limit = window.span != 0 ? window.low + window.span : 0;
    uint32_t root = 0, strays = 0;
    const uintptr_t *fp_at = &own_fp;
    if ((sp & 7) != 0) {
        return 0; // from here on sp is a multiple of 8: rules add such
    }
    struct hl_trail *trail = trail_at(memo, sp);
    for (;;) {
        if (by_trail) {
            while (HL_UNWIND_LIKELY(trail->pc == pc && trail->sp == sp && (uintptr_t)trail->slot < limit &&
                                    (!trail->uses_fp || trail->fp == *fp_at))) {
                *--outermost = pc;
                if (HL_UNWIND_UNLIKELY(outermost == stop)) {
                    root = HL_ROOT_DEPTH;
                    goto walked;
                }
                pc = hl_code_strip(*trail->slot);
                fp_at = trail->fp_slot != NULL ? trail->fp_slot : fp_at;
                sp = trail->caller_sp;
                trail = trail->caller;
            }
            strays++;
        }
        struct hl_own_rule *own = hl_own_rule_at(memo, pc);
        *--outermost = pc;
        if (HL_UNWIND_LIKELY(own->pc == pc || own_rule_make(own, pc, hl_rule_at(pc - 1, entries, epoch)))) {
            uintptr_t cfa = sp + (uintptr_t)own->cfa, fp = 0;
            if (HL_UNWIND_UNLIKELY(own->cfa < 0)) {
                fp = *fp_at;
                cfa = fp + (uintptr_t)(own->cfa & ~HL_OWN_RULE_FP);
                bool is_frame = cfa - own->ra >= sp && cfa - own->fp >= sp && cfa > sp && (cfa & 7) == 0;
                cfa = is_frame ? cfa : 0; // with a slot above all others
            }
            uintptr_t slot = cfa - (HL_REGISTER_LINK < 0 ? hl_rule_ra_offset(0) : own->ra);
            if (HL_UNWIND_LIKELY(slot < limit && outermost != stop)) {
                const uintptr_t *fp_slot = (const uintptr_t *)(cfa - own->fp);
                if (by_trail) {
                    *trail = (struct hl_trail){
                        .pc = pc,
                        .sp = sp,
                        .slot = (const uintptr_t *)slot,
                        .caller_sp = cfa,
                        .caller = trail_at(memo, cfa),
                        .fp_slot = own->fp != 0 ? fp_slot : NULL,
                        .uses_fp = own->cfa < 0,
                        .fp = fp,
                    };
                    trail = trail->caller;
                }
                fp_at = own->fp != 0 ? fp_slot : fp_at;
                pc = hl_code_strip(*(const uintptr_t *)slot);
                sp = cfa;
                continue;
            }
        }
        // The last frame, one outside of the window, or a rule that is not compact.
        uint32_t rule = hl_rule_at(pc - 1, entries, epoch);
        if (rule == HL_RULE_OF(HL_SPECIAL_NOT_CODE)) {
            if (++outermost == end) {
                return 0; // the innermost frame is known to be one
            }
            // Thread and process entry leave a zero where a return address would be.
            root = pc == 0 ? HL_ROOT_COMPLETE : HL_ROOT_BAD_FRAME;
            break;
        }
        if (outermost == stop) {
            root = rule == HL_RULE_OF(HL_SPECIAL_OUTERMOST) ? HL_ROOT_COMPLETE : HL_ROOT_DEPTH;
            break;
        }
        struct hl_cursor cursor = {.pc = pc, .sp = sp, .fp = *fp_at};
        root = step_otherwise(&cursor, rule, &window);
        if (root == HL_ROOT_NESTED || (cursor.sp & 7) != 0) {
            return 0;
        }
        if (root != 0) {
            break;
        }
        pc = cursor.pc;
        sp = cursor.sp;
        own_fp = cursor.fp;
        fp_at = &own_fp;
        limit = sp - window.low < window.span ? window.low + window.span : 0;
        trail = trail_at(memo, sp);
    }
walked:
    hl_stack_window_keep(&window, memo, innermost);
    uint32_t count = (uint32_t)(end - outermost);
    if (by_trail) {
        memo->strays += strays;
        uint32_t allowed = count / STRAYS_OF;
        memo->strays -= memo->strays < allowed ? memo->strays : allowed;
        if (HL_UNWIND_UNLIKELY(memo->strays > STRAYS_MOST)) {
            memo->strays = STRAYS_MOST;
            memo->astray = ASTRAY_RUN;
        }
    }
    return hl_stack_chain(memo->recent, outermost, count, root, epoch);
}

uint32_t hl_stack_straight(struct hl_stack_memo *memo, uintptr_t pc, uintptr_t sp, uintptr_t fp,
                           uint32_t depth) {
    if (memo->astray == 0) {
        return walk(memo, pc, sp, fp, depth, true);
    }
    memo->astray--;
    return walk(memo, pc, sp, fp, depth, false);
}
