// SPDX-License-Identifier: Apache-2.0
//
// What a thread remembers of its last stacks. stack.c says why it may be relied upon, stack_straight.c walks without it, stack_ids.c and
// stack_cache.c turn frames into ids.
#pragma once

#include "stack.h"
#include "unwinder.h"

// One remembered frame, but for its pc: pcs are kept side by side in an array of their own, as ids are made of them.
// Its state is (pc, sp, fp).
struct hl_frame {
    const uintptr_t *slot;    // where pc was read from; &hl_never when that was not by a compact rule
    const uintptr_t *checked; // fp_slot where fp is live, otherwise NULL
    uintptr_t fp;             // kept up to date only where it is live
    uintptr_t sp;
    uintptr_t fp_slot; // where fp was read from, 0 when the callee handed it on
    uint32_t rule;     // compact rule that leads outward
    uint32_t live;     // whether fp is live: this frame's rule uses it, or it is handed on to one that does
};
_Static_assert(sizeof(struct hl_frame) == 48, "frames are compared in a tight loop");

extern const uintptr_t hl_never __attribute__((visibility("hidden"))); // equals no pc

// The id of frames base and inward, up to `root` outside of base.
struct hl_column {
    uint32_t base;
    uint32_t root;
    uint32_t count; // the stack of this many frames has this id; 0: none
    uint32_t id;
    bool solid; // the root is known from the rules of the frames alone
};

#define HL_COLUMNS 8u

// One remembered stack.
struct hl_past {
    uint32_t depth;
    uint32_t capacity;
    uint32_t count;        // frames remembered: 0 outermost to count - 1 innermost
    uint32_t columns_used; // bit per column that holds anything
    struct hl_column columns[HL_COLUMNS];
    struct hl_frame *frames; // [capacity]
    uint64_t *pcs;           // [capacity]: of the frames, with HL_PC_EXACT, which no stack word has
    struct hl_frame *fresh;  // [capacity]: frames being walked, innermost first; shared by the pasts of a memo
    uint64_t *fresh_pcs;     // [capacity]
};

// A thread remembers so many stacks, so that a loop that allocates in several places finds each of them again. (An interpreter's
// loop has ten or so such places: 4 pasts cost perl three times the instructions of 16, and 32 are no better.)
#define HL_PASTS 16u
#define HL_FORESEEN 128u

// What a straight walk knows of a place of the stack: the frame that was last there, and its step outward.
struct hl_trail {
    uint64_t pc; // 0: none
    uintptr_t sp;
    const uintptr_t *slot; // of the caller's pc; at or above sp
    uintptr_t caller_sp;
    struct hl_trail *caller;  // the place of caller_sp
    const uintptr_t *fp_slot; // from sp to slot, or NULL where fp is handed on
    uintptr_t uses_fp;        // whether the step depends on fp,
    uintptr_t fp;             // and then on this value
};
_Static_assert(sizeof(struct hl_trail) == 64, "one cache line");
// A thread's copy of a compact rule: (pc, sp) → the caller's sp, and how far below it pc and fp were saved.
struct hl_own_rule {
    uint64_t pc;
    int32_t cfa; // from sp, or with HL_OWN_RULE_FP from fp
    uint16_t ra;
    uint16_t fp; // 0: handed on
};
_Static_assert(sizeof(struct hl_own_rule) == 16, "four to a cache line");
#define HL_OWN_RULE_FP INT32_MIN
#define HL_OWN_RULES 1024u
#define HL_OWN_RULE_STEP (HL_REGISTER_LINK < 0 ? 2 : 1) // no call is followed by another one that is shorter than this
#define HL_TRAILS 512u // 8 KiB of stack

// A stack that was new to the cache of whole stacks lately. The next one mostly begins as one of these does, and has the same ids so far.
struct hl_recent {
    uint32_t root;
    uint32_t epoch;
    uint32_t count; // 0: none
    uint64_t *pcs;  // [depth], outermost first
    uint32_t *ids;  // [depth]: of the frames up to here
};
#define HL_RECENT 8u

struct hl_stack_memo {
    uint64_t tops[HL_PASTS]; // hl_top() of the pasts' innermost frames; 0: none
    uint32_t depth;
    uint32_t epoch;
    uintptr_t busy; // stack pointer of the capture under way, 0: none
    uintptr_t stack_low;
    uintptr_t stack_high;
    uintptr_t foreign_low; // the stretch of another stack that was last found readable
    uintptr_t foreign_span;
    uint32_t last;     // the past used last
    uint8_t next[HL_FORESEEN]; // pasts: see foreseen()
    uint32_t turn;     // the past, modulo HL_PASTS, that takes up the next stack
    uint32_t hits;     // captures that found their stack in a past, since a past took one up
    uint32_t misses;   // captures that did not
    uint32_t wait;     // misses before a past takes up a stack
    uint32_t blind;    // captures for which the pasts are not looked at
    uint32_t strays;   // frames that the trail did not know lately, more than are allowed
    uint32_t astray;   // straight walks that are not to use the trail
    uint32_t straight; // captures to walk straight, since comparing was of little use
    struct hl_recent recent[HL_RECENT];
    bool grows;      // the main thread's stack: its low end is not known yet
    struct hl_past pasts[HL_PASTS];
    _Alignas(64) struct hl_trail trail[HL_TRAILS];
    struct hl_own_rule rules[HL_OWN_RULES];
};

// Where a thread's own copy of the rule for `pc` lies.
static inline struct hl_own_rule *hl_own_rule_at(struct hl_stack_memo *memo, uintptr_t pc) {
    return &memo->rules[hl_code_key(pc) / HL_OWN_RULE_STEP % HL_OWN_RULES];
}
// To be called when all are zeroed. An empty one has pc 0, which no rule is for; so it must not lie where that of pc 0 would.
static inline void hl_own_rules_emptied(struct hl_stack_memo *memo) {
    hl_own_rule_at(memo, 0)->pc = UINT64_MAX;
}

// Tells innermost frames apart; that two are the same is looked at where it matters.
static inline uint64_t hl_top(struct hl_registers from) {
    return from.pc ^ (uint64_t)from.sp << 16;
}

// A capture under way.
struct hl_walk {
    struct hl_past *past;
    struct hl_stack_window window;
    const uint64_t *entries;
    uint32_t epoch;
    uint32_t depth;
    uint32_t limit;   // frames to walk: the depth, or a few more when a cut stack got shorter
    uint32_t fresh;   // frames in past->fresh; they lie inside of frame keep - 1
    uint32_t keep;    // remembered frames that may still be met
    uint32_t count;   // frames once the fresh ones are in place
    uint32_t changed;  // the outermost frame whose pc is not what it was: ids from here inward are to be made
    uint32_t reshaped; // the outermost frame whose rule or place is not what it was
    uint32_t root;     // why frame 0 is the last
    uint32_t moved;    // frames walked or put elsewhere: what comparing did not save
};

static inline bool hl_rule_is_compact(uint32_t rule) {
    return (rule & 3) != HL_RULE_SPECIAL;
}
// Whether the step by this rule depends on fp; where nobody knows, it does. (Kinds FP and SPECIAL.)
static inline uint32_t hl_rule_uses_fp(uint32_t rule) {
    return rule >> 1 & 1;
}

// The id of the frames from `base` inward on `root`.
uint32_t hl_stack_ids(struct hl_stack_memo *memo, struct hl_walk *walk, uint32_t base, uint32_t root, bool solid);

// The part of the stack that a capture from `sp` may read to begin with; what it found to be readable is kept for the next.
static inline void hl_stack_window_open(struct hl_stack_window *window, const struct hl_stack_memo *memo,
                                        uintptr_t sp) {
    hl_window_from(window, sp, memo->stack_low, memo->stack_high);
    if (HL_UNWIND_UNLIKELY(window->span == 0) && sp - memo->foreign_low < memo->foreign_span) {
        window->low = memo->foreign_low;
        window->span = memo->foreign_span;
    }
}
static inline void hl_stack_window_keep(const struct hl_stack_window *window, struct hl_stack_memo *memo,
                                        uintptr_t sp) {
    if (HL_UNWIND_UNLIKELY(sp - memo->stack_low >= memo->stack_high - memo->stack_low)) {
        memo->foreign_low = window->low;
        memo->foreign_span = window->span;
    }
}

// Walks all frames and gives the stack's id, or 0 when the memo's way must be taken.
uint32_t hl_stack_straight(struct hl_stack_memo *memo, uintptr_t pc, uintptr_t sp, uintptr_t fp,
                           uint32_t depth);
// Makes a memo's recent stacks in `memory` (hl_recent_bytes(depth) bytes).
size_t hl_recent_bytes(uint32_t depth);
void hl_recent_make(struct hl_recent recent[HL_RECENT], void *memory, uint32_t depth);
// The id of the stack of these frames, outermost first, on `root`.
uint32_t hl_stack_chain(struct hl_recent recent[HL_RECENT], const uint64_t *pcs, uint32_t count, uint32_t root,
                        uint32_t epoch);

// What stands for the frames of a stack in the cache of whole stacks (stack_cache.c).
struct hl_stack_sum {
    uint64_t tag; // 0: such a stack is not cached
    uint32_t epoch;
};
// The id of the stack of these frames, outermost first, on `root`, or 0; `sum` is for hl_stack_keep.
uint32_t hl_stack_find(const uint64_t *pcs, uint32_t count, uint32_t root, uint32_t epoch,
                       struct hl_stack_sum *sum);
void hl_stack_keep(const struct hl_stack_sum *sum, uint32_t id);
