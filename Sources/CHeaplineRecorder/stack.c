// SPDX-License-Identifier: Apache-2.0
//
// The walk from a hook's caller outward, and the memo that makes it cheap. stack.h says what is promised, unwinder.h how
// one frame is left; read both before.
//
// The memo
//
// A thread remembers its last stack as frames 0 (outermost) to count - 1 (innermost). Frame i was entered with the
// state s(i) = (pc, sp, fp); pc was read from the stack word slot(i), and fp, where the callee saved it, from fp_slot(i).
// (A memo holds a few such stacks, called pasts, and goes on from the one whose innermost frame fits; what follows is about one.)
// The next capture walks outward from its registers only until its state equals a remembered one. From there it does not
// unwind: it compares each remembered slot with what it held. No return address is ever patched.
//
// Soundness. Claim: when state s(i) is the true state of a frame, and for every j from i - 1 down to b the words at slot(j)
// and, where frame j's fp is live, fp_slot(j) hold the remembered values, then a full walk from s(i) gives exactly the
// remembered frames i to b. By induction from frame j + 1 to frame j:
//   1. The rule of frame j + 1 is a function of its pc alone (within an epoch of hl_stack_modules_changed).
//   2. A compact rule computes cfa, slot(j), fp_slot(j) and sp(j) from the sp or the fp of frame j + 1 and from nothing
//      else. If it uses fp, fp is live in frame j + 1, so it was compared. Hence all four equal the remembered ones.
//   3. A full walk would now read slot(j) and fp_slot(j); these words were compared, so it would get the remembered pc, and
//      the remembered fp if live. Hence s(j) is the true state but for an fp that no frame from j to b uses.
// fp is live in frame j when frame j's rule uses it, or hands it on unchanged to a frame in which it is live.
// The comparison goes from the inside out and stops at the first difference, so by the same induction it reads only words
// that a full walk would have read: no memory is touched that the walk would not have found readable.
// A word at slot(j) that differs ends the comparison but not the past: if the new pc's compact rule is the remembered one, steps 2
// and 3 hold for the frames outward of it as well (they ask for the rule, not for the pc), so frame j takes the new pc and
// the comparison goes on. A rule of another shape is a step taken in full, from a state known to be true.
// Premises. (a) Rules other than compact ones may use more than (pc, sp, fp): a frame with such a rule is never compared across;
// its caller's slot is set to `hl_never`, which holds no pc, so the walk takes the step itself, and then goes on comparing.
// (b) The depth limit only chooses b. (c) The reason why the stack ends at frame 0 is taken over only where the rule of
// frame 0 says so; otherwise the step outward from frame 0 is taken again.
//
// Without comparing
//
// Going on from a past pays where much of the stack is as it was, or the stack is deep. Short stacks that no past holds are walked
// straight (stack_straight.c), and only now and then taken up into a past: miss() decides.
//
// Ids and the depth limit
//
// The id of a stack depends on where it is cut, so it is remembered per base b: column b % HL_COLUMNS holds the id of the frames from b
// inward. A recursion that goes up and down by less than HL_COLUMNS frames beyond the limit has each of its bases at hand. Changing
// frame i makes the ids of stacks of more than i frames invalid in every column.
#include "stack_memo.h"
#include "platform.h"

#include <string.h>

#define EXTRA_FRAMES 8u // walked beyond the depth limit when a cut stack gets shorter, so that this is rare
#define SAME_RUN 2u     // frames found as they were before replacing is given up for mere comparing
#define WAIT_LEAST 4u   // misses between stacks that are taken up into a past, while that pays
#define WAIT_MOST 64u   // and while it does not
#define BLIND 4u       // times as many captures that do not look at the pasts, while that does not pay
#define SHORT_STACK 48u // frames that are walked as fast as they are compared
#define STRAIGHT_RUN 8u // captures to walk straight after one of which comparing saved less than half
// No library is mapped this close below the main stack's high end.
#define MAIN_STACK_MOST ((uintptr_t)100 << 20)

static uint32_t capacity_for(uint32_t depth) {
    return depth * 2 + 64;
}

size_t hl_stack_memo_bytes(uint32_t depth) {
    uint32_t capacity = capacity_for(depth);
    return sizeof(struct hl_stack_memo) + 64 +
           (HL_PASTS + 1) * capacity * (sizeof(struct hl_frame) + sizeof(uint64_t)) + hl_recent_bytes(depth);
}

extern void *__libc_stack_end __attribute__((weak));

struct hl_stack_memo *hl_stack_memo_make(void *memory, uint32_t depth, uintptr_t stack_low,
                                         uintptr_t stack_high) {
    struct hl_stack_memo *memo = memory;
    uint32_t capacity = capacity_for(depth);
    memo->depth = depth;
    memo->stack_low = stack_low;
    memo->stack_high = stack_high;
    memo->wait = WAIT_LEAST;
    hl_own_rules_emptied(memo);
    if (&__libc_stack_end != NULL) {
        uintptr_t main_end = (uintptr_t)__libc_stack_end;
        memo->grows = main_end >= stack_low && main_end < stack_high;
    }
    struct hl_frame *frames = (struct hl_frame *)(((uintptr_t)(memo + 1) + 63) & ~(uintptr_t)63);
    uint64_t *pcs = (uint64_t *)(frames + (HL_PASTS + 1) * capacity);
    hl_recent_make(memo->recent, pcs + (HL_PASTS + 1) * capacity, depth);
    for (uint32_t i = 0; i < HL_PASTS; i++) {
        struct hl_past *past = &memo->pasts[i];
        past->depth = depth;
        past->capacity = capacity;
        past->frames = frames + (i + 1) * capacity;
        past->pcs = pcs + (i + 1) * capacity;
        past->fresh = frames;
        past->fresh_pcs = pcs;
    }
    return memo;
}

// MARK: One step

// Takes the step outward that `rule` describes.
static inline __attribute__((always_inline)) enum hl_step
take_step(struct hl_cursor *cursor, uint32_t rule, struct hl_stack_window *window) {
    uint32_t kind = rule & 3;
    if (HL_UNWIND_UNLIKELY(kind == HL_RULE_SPECIAL)) {
        struct hl_cursor copy = *cursor; // so that the other path's cursor stays in registers
        enum hl_step step = hl_step_special(&copy, rule, window);
        *cursor = copy;
        cursor->slot = (uintptr_t)&hl_never;
        return step;
    }
    uintptr_t cfa = (kind == HL_RULE_SP ? cursor->sp : cursor->fp) + hl_rule_cfa_offset(rule);
    uintptr_t ra_offset = hl_rule_ra_offset(rule);
    uintptr_t fp_offset = hl_rule_fp_offset(rule);
    uintptr_t pc;
    if (HL_REGISTER_LINK >= 0 && ra_offset == 0) {
        if (!cursor->link_known) {
            return HL_STEP_NO_RULE;
        }
        pc = cursor->link;
        cursor->slot = (uintptr_t)&hl_never;
        if (cfa < cursor->sp) {
            return HL_STEP_BAD_FRAME;
        }
    } else {
        if (cfa <= cursor->sp || !hl_window_holds(window, cfa - ra_offset)) {
            return HL_STEP_BAD_FRAME;
        }
        cursor->slot = cfa - ra_offset;
        pc = *(const uintptr_t *)cursor->slot;
    }
    cursor->fp_slot = 0;
    if (fp_offset != 0) {
        if (!hl_window_holds(window, cfa - fp_offset)) {
            return HL_STEP_BAD_FRAME;
        }
        cursor->fp_slot = cfa - fp_offset;
        cursor->fp = *(const uintptr_t *)cursor->fp_slot;
    }
    cursor->sp = cfa;
    cursor->pc = hl_code_strip(pc);
    cursor->exact = false;
    cursor->link_known = false;
    return HL_STEP_CALLER;
}

HL_UNWIND_SLOW enum hl_step hl_step_compact(struct hl_cursor *cursor, uint32_t rule,
                                            struct hl_stack_window *window) {
    return take_step(cursor, rule, window);
}

// Why the stack ends before the frame at `cursor`, just stepped to, or 0 when the frame is real. Gives its rule.
static inline __attribute__((always_inline)) uint32_t
frame_rule(const struct hl_cursor *cursor, const uint64_t *entries, uint32_t epoch, uint32_t *rule) {
    *rule = hl_rule_at(hl_cursor_address(cursor), entries, epoch);
    if (HL_UNWIND_UNLIKELY(*rule == HL_RULE_OF(HL_SPECIAL_NOT_CODE))) {
        // Thread and process entry leave a zero where a return address would be.
        return cursor->pc == 0 ? HL_ROOT_COMPLETE : HL_ROOT_BAD_FRAME;
    }
    return 0;
}

static struct hl_cursor cursor_from(struct hl_registers from) {
    return (struct hl_cursor){.pc = from.pc, .sp = from.sp, .fp = from.fp};
}

static inline uint64_t pc_of(const struct hl_cursor *cursor) {
    return cursor->pc | (uint64_t)cursor->exact << 63;
}

// MARK: Without the memo

static uint32_t capture_full(struct hl_registers from, uint32_t depth, uintptr_t own_low,
                             uintptr_t own_high) {
    if (depth == 0 || !hl_rules_start()) {
        return HL_ROOT_NONE;
    }
    const uint64_t *entries = __atomic_load_n(&hl_rule_entries, __ATOMIC_ACQUIRE);
    uint32_t epoch = __atomic_load_n(&hl_rule_epoch, __ATOMIC_ACQUIRE);
    size_t bytes = (size_t)depth * sizeof(uint64_t);
    uint64_t *pcs = hl_platform_map(bytes);
    if (pcs == NULL) {
        return HL_ROOT_NONE;
    }
    struct hl_stack_window window;
    hl_window_from(&window, from.sp, own_low, own_high);
    struct hl_cursor cursor = cursor_from(from);
    uint32_t count = 0;
    uint32_t root = 0;
    while (root == 0) {
        uint32_t rule = 0;
        root = frame_rule(&cursor, entries, epoch, &rule);
        if (root != 0 && count == 0) {
            rule = HL_RULE_OF(HL_SPECIAL_UNKNOWN); // the innermost frame is known to be one
            root = 0;
        }
        if (root == 0) {
            pcs[count++] = pc_of(&cursor);
            if (rule == HL_RULE_OF(HL_SPECIAL_OUTERMOST)) {
                root = HL_ROOT_COMPLETE;
            } else if (count == depth) {
                root = HL_ROOT_DEPTH;
            } else {
                enum hl_step step = take_step(&cursor, rule, &window);
                root = hl_root_of(step);
            }
        }
    }
    uint32_t id = root;
    while (count-- > 0) {
        uint64_t pc = pcs[count];
        id = hl_intern(id, pc & ~HL_PC_EXACT, pc & HL_PC_EXACT ? HL_NODE_EXACT : 0);
    }
    hl_platform_unmap(pcs, bytes);
    return id;
}

uint32_t hl_stack_capture_full(struct hl_registers from, uint32_t depth) {
    return capture_full(from, depth, 0, 0);
}

// MARK: With the memo

static inline void put(struct hl_frame *frame, const struct hl_cursor *cursor, uint32_t rule) {
    uint32_t live = hl_rule_uses_fp(rule);
    frame->slot = (const uintptr_t *)cursor->slot;
    frame->checked = live ? (const uintptr_t *)cursor->fp_slot : NULL;
    frame->fp = cursor->fp;
    frame->sp = cursor->sp;
    frame->fp_slot = cursor->fp_slot;
    frame->rule = rule;
    frame->live = live;
}

// Moves frames `from` and inward to the fresh ones.
static void lift(struct hl_walk *walk, uint32_t from) {
    struct hl_past *past = walk->past;
    uint32_t fresh = 0;
    for (uint32_t i = walk->count; i-- > from; fresh++) {
        past->fresh[fresh] = past->frames[i];
        past->fresh_pcs[fresh] = past->pcs[i];
    }
    walk->fresh = fresh;
    walk->keep = from;
}

// Puts the fresh frames inside of frame keep - 1.
static inline void settle(struct hl_walk *walk) {
    struct hl_past *past = walk->past;
    if (HL_UNWIND_UNLIKELY(walk->keep + walk->fresh > past->capacity)) {
        uint32_t drop = walk->keep + walk->fresh - walk->depth; // what lies outside of the depth limit
        walk->keep -= drop;
        memmove(past->frames, past->frames + drop, walk->keep * sizeof *past->frames);
        memmove(past->pcs, past->pcs + drop, walk->keep * sizeof *past->pcs);
        walk->changed = 0;
        walk->reshaped = 0;
    }
    if (walk->fresh > 0) {
        walk->changed = walk->changed < walk->keep ? walk->changed : walk->keep;
        walk->reshaped = walk->reshaped < walk->keep ? walk->reshaped : walk->keep;
        uint32_t to = walk->keep;
        for (uint32_t from = walk->fresh; from-- > 0; to++) {
            past->frames[to] = past->fresh[from];
            past->pcs[to] = past->fresh_pcs[from];
        }
    }
    walk->count = walk->keep + walk->fresh;
    walk->moved += walk->fresh;
    walk->fresh = 0;
}

// The true fp of `frame`, when `met`, at or inward of it, has `fp`.
static uintptr_t fp_of(const struct hl_frame *frame, const struct hl_frame *met, uintptr_t fp) {
    while (frame != met && frame->fp_slot == 0) {
        frame++;
    }
    return frame != met ? *(const uintptr_t *)frame->fp_slot : fp;
}

// `frame` is as it was, but how it is reached from the frame inside of it may have changed.
static inline void reach(struct hl_frame *frame, const struct hl_cursor *cursor) {
    frame->slot = (const uintptr_t *)cursor->slot;
    frame->fp_slot = cursor->fp_slot;
    frame->checked = frame->live ? (const uintptr_t *)cursor->fp_slot : NULL;
}

// Takes a step by a compact rule when it leads to where the frame outward of `frame` is remembered. That place is taken from
// memory, not from the rule: the processor need not wait for the rule to go on, only to find out that it was right to.
static inline __attribute__((always_inline)) bool
take_step_along(struct hl_cursor *cursor, uint32_t rule, const struct hl_frame *frame) {
    uintptr_t cfa =
        ((rule & 3) == HL_RULE_SP ? cursor->sp : cursor->fp) + hl_rule_cfa_offset(rule);
    uintptr_t fp_offset = hl_rule_fp_offset(rule);
    const struct hl_frame *outer = frame - 1;
    uintptr_t sp = outer->sp;
    uintptr_t slot = (uintptr_t)outer->slot;
    if ((rule & 3) == HL_RULE_SPECIAL || sp != cfa || slot != cfa - hl_rule_ra_offset(rule) ||
        cfa - fp_offset < cursor->sp) {
        return false;
    }
    __asm__("" : "+r"(sp), "+r"(slot)); // keeps the compiler from using what they were found equal to
    cursor->fp_slot = fp_offset != 0 ? cfa - fp_offset : 0;
    if (fp_offset != 0) {
        cursor->fp = *(const uintptr_t *)cursor->fp_slot;
    }
    cursor->pc = hl_code_strip(*(const uintptr_t *)slot);
    cursor->sp = sp;
    cursor->slot = slot;
    cursor->exact = false;
    cursor->link_known = false;
    return true;
}

// Compares outward from frame `at`, which is true, to `base`; returns the last frame that is as remembered.
static inline __attribute__((always_inline)) uint32_t compare(const struct hl_past *past,
                                                              uint32_t at, uint32_t base) {
    const struct hl_frame *outer = &past->frames[at];
    const uint64_t *pc = &past->pcs[at];
    for (const uint64_t *last = &past->pcs[base]; pc != last; pc--) {
        outer--;
        if (HL_UNWIND_UNLIKELY(hl_code_strip(*outer->slot) != pc[-1])) {
            break;
        }
        if (outer->checked != NULL && HL_UNWIND_UNLIKELY(*outer->checked != outer->fp)) {
            break;
        }
    }
    return (uint32_t)(pc - past->pcs);
}

// Goes on where compare() stopped. A frame with another pc and the same compact rule is taken over with the new pc:
// everything outward of it lies where it lay, by the same rule. Rows of such frames are what a recursive program is made
// of. Nothing in the loop depends on the frame before, so the processor works on several frames at a time. Returns the
// last frame that holds, with SAME_RUN frames as they were behind it, or nothing to be done about the next one.
__attribute__((noinline)) static uint32_t replace(struct hl_walk *walk, uint32_t at, uint32_t base) {
    const struct hl_past *past = walk->past;
    const struct hl_frame *outer = &past->frames[at];
    uint64_t *at_pc = &past->pcs[at];
    const uint64_t *last = &past->pcs[base];
    uint64_t *changed = NULL;
    const uint64_t *entries = walk->entries;
    uint32_t epoch = walk->epoch;
    uint32_t same_run = 0;
    do {
        outer--;
        uint64_t pc = hl_code_strip(*outer->slot);
        uint32_t rule = hl_rule_at(pc - 1, entries, epoch);
        if (HL_UNWIND_UNLIKELY(rule != outer->rule) ||
            (outer->checked != NULL && HL_UNWIND_UNLIKELY(*outer->checked != outer->fp))) {
            break;
        }
        at_pc--;
        bool same = *at_pc == pc;
        *at_pc = pc;
        changed = same ? changed : at_pc;
        same_run = same ? same_run + 1 : 0;
    } while (at_pc != last && same_run < SAME_RUN);
    if (changed != NULL) {
        uint32_t outermost = (uint32_t)(changed - past->pcs);
        walk->changed = walk->changed < outermost ? walk->changed : outermost;
    }
    return (uint32_t)(at_pc - past->pcs);
}

static inline uint32_t compare_and_replace(struct hl_walk *walk, uint32_t at, uint32_t base) {
    for (;;) {
        at = compare(walk->past, at, base);
        if (at == base) {
            return at;
        }
        uint32_t next = replace(walk, at, base);
        if (next == at || next == base) {
            return next;
        }
        at = next;
    }
}

// The cursor stands at remembered frame keep - 1: its sp is the same. Goes outward in place while frames stay where they
// were; true when the stack is complete or deep enough, false when the walk goes on elsewhere.
static inline __attribute__((always_inline)) bool
follow(struct hl_walk *walk, struct hl_cursor *cursor) {
    struct hl_past *past = walk->past;
    struct hl_frame *frames = past->frames;
    uint32_t base = walk->count > walk->depth ? walk->count - walk->depth : 0;
    uint32_t at = walk->keep - 1;
    for (;;) {
        struct hl_frame *frame = &frames[at];
        if (HL_UNWIND_UNLIKELY(at < base)) { // not part of this stack, but stays its continuation
            reach(frame, cursor);
            return true;
        }
        uint32_t rule = frame->rule;
        if (past->pcs[at] != pc_of(cursor)) {
            uint32_t root = frame_rule(cursor, walk->entries, walk->epoch, &rule);
            if (HL_UNWIND_UNLIKELY(root != 0)) {
                if (at + 1 < walk->count) {
                    lift(walk, at + 1);
                    walk->keep = 0;
                    walk->root = root;
                    return false;
                }
                rule = HL_RULE_OF(HL_SPECIAL_UNKNOWN); // the innermost frame is known to be one
            }
            past->pcs[at] = pc_of(cursor);
            walk->changed = walk->changed < at ? walk->changed : at;
        }
        if (HL_UNWIND_LIKELY(rule == frame->rule && (frame->fp == cursor->fp || frame->live == 0))) {
            frame->fp = cursor->fp; // where it is not live it may differ
            reach(frame, cursor);
            uint32_t met = at;
            at = compare_and_replace(walk, met, base);
            rule = frames[at].rule;
            if (at == base && (base != 0 || walk->count == walk->depth ||
                               rule == HL_RULE_OF(HL_SPECIAL_OUTERMOST))) {
                return true;
            }
            if (at != met) {
                cursor->fp = fp_of(&frames[at], &frames[met], cursor->fp);
                cursor->pc = past->pcs[at] & ~HL_PC_EXACT;
                cursor->sp = frames[at].sp;
                cursor->exact = past->pcs[at] >> 63;
                cursor->link_known = false;
            }
        } else {
            put(frame, cursor, rule);
            walk->reshaped = walk->reshaped < at ? walk->reshaped : at;
            if (HL_UNWIND_LIKELY(at != 0 && take_step_along(cursor, rule, frame))) {
                at--;
                continue;
            }
        }
        if (at == 0 && walk->count == walk->depth) {
            return true;
        }
        enum hl_step step = take_step(cursor, rule, &walk->window);
        uint32_t root = hl_root_of(step);
        if (at == 0) { // the end of the stack, as before or not
            if (root == 0) {
                root = frame_rule(cursor, walk->entries, walk->epoch, &rule);
            }
            if (root != 0) {
                walk->root = root;
                return true;
            }
            walk->limit = walk->depth + EXTRA_FRAMES;
        } else if (root == 0 && frames[at - 1].sp == cursor->sp) {
            at--;
            continue;
        }
        lift(walk, at);
        if (root != 0) {
            walk->keep = 0;
            walk->root = root;
        }
        return false;
    }
}

// Walks until the cursor meets a remembered frame's place, or the stack ends (walk->root says why).
static inline __attribute__((always_inline)) void
walk_fresh(struct hl_walk *walk, struct hl_cursor *cursor) {
    struct hl_past *past = walk->past;
    uint32_t keep = walk->keep;
    uint32_t fresh = walk->fresh;
    while (walk->root == 0) {
        while (keep > 0 && past->frames[keep - 1].sp < cursor->sp) {
            keep--;
        }
        if (keep > 0 && past->frames[keep - 1].sp == cursor->sp) {
            break;
        }
        if (fresh >= walk->limit) {
            walk->root = HL_ROOT_DEPTH;
            break;
        }
        uint32_t rule = 0;
        walk->root = frame_rule(cursor, walk->entries, walk->epoch, &rule);
        if (HL_UNWIND_UNLIKELY(walk->root != 0)) {
            if (fresh != 0) {
                break;
            }
            rule = HL_RULE_OF(HL_SPECIAL_UNKNOWN); // the innermost frame is known to be one
            walk->root = 0;
        }
        put(&past->fresh[fresh], cursor, rule);
        past->fresh_pcs[fresh] = pc_of(cursor);
        fresh++;
        if (fresh < walk->limit) {
            enum hl_step step = take_step(cursor, rule, &walk->window);
            walk->root = hl_root_of(step);
        }
    }
    walk->keep = walk->root == 0 ? keep : 0;
    walk->fresh = fresh;
}

// Cost when little changed: 10 instructions per frame compared, 60 per frame walked, 4 per frame of the stack for its sum.
static uint32_t capture(struct hl_stack_memo *memo, struct hl_past *past, struct hl_registers from,
                        uint32_t depth) {
    struct hl_walk walk;
    walk.past = past;
    struct hl_cursor cursor = cursor_from(from);
    walk.entries = __atomic_load_n(&hl_rule_entries, __ATOMIC_ACQUIRE);
    walk.epoch = memo->epoch;
    walk.depth = depth;
    walk.limit = depth;
    walk.fresh = 0;
    walk.keep = past->count;
    walk.count = past->count;
    walk.changed = UINT32_MAX;
    walk.reshaped = UINT32_MAX;
    walk.root = 0;
    walk.moved = 0;
    hl_stack_window_open(&walk.window, memo, from.sp);
    for (;;) {
        walk_fresh(&walk, &cursor);
        if (walk.root != 0) {
            walk.changed = 0;
            walk.reshaped = 0;
            settle(&walk);
            break;
        }
        settle(&walk);
        if (follow(&walk, &cursor)) {
            break;
        }
    }
    past->count = walk.count;
    uint32_t base = walk.count > depth ? walk.count - depth : 0;
    uint32_t root = HL_ROOT_DEPTH;
    bool solid = true;
    if (past->frames[base].rule == HL_RULE_OF(HL_SPECIAL_OUTERMOST)) {
        root = HL_ROOT_COMPLETE;
    } else if (walk.count < depth) {
        root = walk.root;
        solid = false;
    }
    hl_stack_window_keep(&walk.window, memo, from.sp);
    memo->straight = walk.moved > walk.count / 2 ? STRAIGHT_RUN : 0;
    return hl_stack_ids(memo, &walk, base, root, solid);
}

// The id of the last stack when this is that one again, or 0. What follow() does, for the most frequent case.
static inline __attribute__((always_inline)) uint32_t
same_stack(struct hl_past *past, struct hl_registers from, uint32_t depth) {
    uint32_t count = past->count;
    if (HL_UNWIND_UNLIKELY(count == 0)) {
        return 0;
    }
    struct hl_frame *frame = &past->frames[count - 1];
    uint32_t base = count > depth ? count - depth : 0;
    const struct hl_column *column = &past->columns[base % HL_COLUMNS];
    if (past->pcs[count - 1] != from.pc || frame->sp != from.sp || (frame->fp != from.fp && frame->live) ||
        column->base != base || column->count != count || !column->solid ||
        compare(past, count - 1, base) != base) {
        return 0;
    }
    frame->fp = from.fp;
    return column->id;
}

// Makes the memo fit for a capture that does not find it so; false when it is in use by the code that a signal interrupted.
HL_UNWIND_SLOW static bool make_ready(struct hl_stack_memo *memo, struct hl_registers from,
                                      uint32_t epoch) {
    bool own = from.sp >= memo->stack_low && from.sp < memo->stack_high;
    if (memo->grows && !own && from.sp < memo->stack_low &&
        memo->stack_high - from.sp < MAIN_STACK_MOST) {
        memo->stack_low = from.sp;
        own = true;
    }
    if (memo->busy != 0 && (from.sp < memo->busy || !own)) {
        return false;
    }
    if (memo->busy != 0 || memo->epoch != epoch) {
        // The modules changed, or a signal handler left an earlier capture by longjmp: its frame is gone.
        memo->epoch = epoch;
        memo->wait = WAIT_LEAST;
        memset(memo->trail, 0, sizeof memo->trail);
        memset(memo->rules, 0, sizeof memo->rules);
        hl_own_rules_emptied(memo);
        for (uint32_t i = 0; i < HL_RECENT; i++) {
            memo->recent[i].count = 0;
        }
        for (uint32_t i = 0; i < HL_PASTS; i++) {
            struct hl_past *past = &memo->pasts[i];
            memo->tops[i] = 0;
            past->count = 0;
            past->columns_used = 0;
            for (uint32_t j = 0; j < HL_COLUMNS; j++) {
                past->columns[j].count = 0;
            }
        }
    }
    return true;
}

// The past that held the stack when one with this innermost frame last came after the past used last: loops repeat themselves.
static inline uint8_t *foreseen(struct hl_stack_memo *memo, uint64_t top) {
    return &memo->next[(top * UINT64_C(0x9e3779b97f4a7c15) >> 57 ^ memo->last << 3) % HL_FORESEEN];
}

// The id of a stack that no past holds. Short ones are walked straight; now and then one is taken up into a past, the next in
// turn: so stacks that come again and again settle in a past each, and then there are no more misses. Where they do not,
// pasts are not even looked at for most captures. `near` is the past to go on from otherwise: one with this innermost frame,
// or else the last one.
static uint32_t miss(struct hl_stack_memo *memo, struct hl_registers from, uint32_t depth, uint32_t near) {
    bool is_short = memo->pasts[memo->last].count <= SHORT_STACK;
    if (memo->misses >= memo->wait) {
        near = memo->turn++ % HL_PASTS;
        bool pays = memo->hits >= memo->misses;
        memo->wait = pays ? WAIT_LEAST : memo->wait < WAIT_MOST ? memo->wait * 2 : WAIT_MOST;
        memo->blind = pays || !is_short ? 0 : memo->wait * BLIND;
        memo->hits = 0;
        memo->misses = 0;
    } else {
        memo->misses++;
        if (is_short || memo->straight > 0) {
            memo->straight -= memo->straight > 0;
            uint32_t id = hl_stack_straight(memo, from.pc, from.sp, from.fp, depth);
            if (HL_UNWIND_LIKELY(id != 0)) {
                return id;
            }
        }
    }
    uint32_t id = capture(memo, &memo->pasts[near], from, depth);
    memo->tops[near] = hl_top(from);
    memo->last = near;
    return id;
}

// The id of a stack that is not the one foreseen: of the past that holds it, or of a walk. (Registers one by one, as in
// hl_stack_capture.)
__attribute__((noinline)) static uint32_t search(struct hl_stack_memo *memo, uintptr_t pc, uintptr_t sp, uintptr_t fp,
                                                 uint32_t depth) {
    struct hl_registers from = {.pc = pc, .sp = sp, .fp = fp};
    if (memo->blind > 0) {
        memo->blind--;
        uint32_t id = hl_stack_straight(memo, pc, sp, fp, depth);
        if (HL_UNWIND_LIKELY(id != 0)) {
            return id;
        }
    }
    uint64_t top = hl_top(from);
    uint32_t near = memo->last;
    for (uint32_t i = 0; i < HL_PASTS; i++) {
        if (memo->tops[i] == top) {
            uint32_t id = same_stack(&memo->pasts[i], from, depth);
            if (HL_UNWIND_LIKELY(id != 0)) {
                *foreseen(memo, top) = (uint8_t)i;
                memo->last = i;
                memo->hits++;
                return id;
            }
            near = i;
        }
    }
    return miss(memo, from, depth, near);
}

uint32_t hl_stack_capture(struct hl_stack_memo *memo, uintptr_t pc, uintptr_t sp, uintptr_t fp,
                          uint32_t depth) {
    struct hl_registers from = {.pc = pc, .sp = sp, .fp = fp};
    if (depth > memo->depth) {
        depth = memo->depth;
    }
    if (HL_UNWIND_UNLIKELY(depth == 0)) {
        return HL_ROOT_NONE;
    }
    const uint64_t *entries = __atomic_load_n(&hl_rule_entries, __ATOMIC_ACQUIRE);
    uint32_t epoch = __atomic_load_n(&hl_rule_epoch, __ATOMIC_ACQUIRE);
    if (HL_UNWIND_UNLIKELY(entries == NULL || memo->busy != 0 || memo->epoch != epoch ||
                           from.sp < memo->stack_low)) {
        if (!hl_rules_start()) {
            return HL_ROOT_NONE;
        }
        if (!make_ready(memo, from, epoch)) {
            return capture_full(from, depth, memo->stack_low, memo->stack_high);
        }
    }
    // A signal handler on this thread must see `busy` before the memo is touched, and the memo whole before it is clear:
    // program order as the compiler keeps it is enough.
    memo->busy = from.sp;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    uint32_t next = *foreseen(memo, hl_top(from));
    uint32_t id = memo->tops[next] == hl_top(from) ? same_stack(&memo->pasts[next], from, depth) : 0;
    if (HL_UNWIND_LIKELY(id != 0)) {
        memo->last = next;
        memo->hits++;
    } else {
        id = search(memo, pc, sp, fp, depth);
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memo->busy = 0;
    return id;
}

void hl_stack_modules_changed(void) {
    hl_stack_module_gone(0, UINTPTR_MAX);
}

void hl_stack_module_gone(uintptr_t start, uintptr_t end) {
    hl_intern_forget(start, end); // first: who meets the new epoch finds no id of the old one
    hl_stack_modules_added();
}

void hl_stack_modules_added(void) {
    hl_module_forget();
    hl_rules_forget();
}
