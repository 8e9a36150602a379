// SPDX-License-Identifier: Apache-2.0
//
// The walk from a hook's caller outward, and the memo that makes it cheap. stack.h says what is promised, unwinder.h how
// one frame is left; read both before.
//
// The memo
//
// A thread remembers its last stack as frames 0 (outermost) to count - 1 (innermost). Frame i was entered with the
// state s(i) = (pc, sp, fp); pc was read from the stack word slot(i), and fp, where the callee saved it, from fp_slot(i).
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
// Premises. (a) Rules other than compact ones may use more than (pc, sp, fp): a frame with such a rule is never compared across;
// its caller's slot is set to `never`, which holds no pc, so the walk takes the step itself, and then goes on comparing.
// (b) The depth limit only chooses b. (c) The reason why the stack ends at frame 0 is taken over only where the rule of
// frame 0 says so; otherwise the step outward from frame 0 is taken again.
//
// Ids and the depth limit
//
// The id of a frame depends on what lies outside of it up to the cut, so it is remembered per base b: column b % COLUMNS holds
// ids for frames b and inward. A recursion that goes up and down by less than COLUMNS frames beyond the limit has each of its
// bases at hand. `valid` counts the frames whose ids hold; changing frame i lowers it to i in every column.
#include "stack.h"
#include "unwinder.h"
#include "unwind_system.h"

#include <string.h>

#define COLUMNS 8u
#define EXTRA_FRAMES 8u // walked beyond the depth limit when a cut stack gets shorter, so that this is rare

// What is compared: one line of cache holds two.
struct link {
    const uintptr_t *slot;
    uintptr_t pc;
    const uintptr_t *fp_slot; // NULL when fp is not live, or not read in the step to this frame
    uintptr_t fp;
};

#define FRAME_EXACT 1u
#define FRAME_BY_FP 2u
#define FRAME_FP_LIVE 4u

struct frame {
    uintptr_t sp;
    uintptr_t fp_slot; // where fp was read from, 0 when handed on
    uint32_t rule;     // compact rule of this frame, the one that leads outward
    uint32_t flags;
};

struct column {
    uint32_t base;
    uint32_t root;
    uint32_t valid;
};

struct hl_stack_memo {
    uint32_t depth;
    uint32_t capacity;
    uint32_t count;
    uint32_t epoch;
    uintptr_t busy; // stack pointer of the capture under way, 0: none
    uintptr_t stack_low;
    uintptr_t stack_high;
    uintptr_t foreign_low; // the stretch of another stack that was last found readable
    uintptr_t foreign_span;
    struct column columns[COLUMNS];
    // Then links[capacity], frames[capacity], ids[capacity][COLUMNS], and room for frames being walked.
    struct link *links;
    struct frame *frames;
    uint32_t (*ids)[COLUMNS];
    struct link *fresh_links;
    struct frame *fresh_frames;
};

static const uintptr_t never = 1; // no pc is 1

static uint32_t capacity_for(uint32_t depth) {
    return depth * 2 + 64;
}

size_t hl_stack_memo_bytes(uint32_t depth) {
    size_t frame = sizeof(struct link) + sizeof(struct frame);
    return sizeof(struct hl_stack_memo) + 64 +
           capacity_for(depth) * (2 * frame + COLUMNS * sizeof(uint32_t));
}

struct hl_stack_memo *hl_stack_memo_make(void *memory, uint32_t depth, uintptr_t stack_low,
                                         uintptr_t stack_high) {
    struct hl_stack_memo *memo = memory;
    uint32_t capacity = capacity_for(depth);
    uintptr_t at = ((uintptr_t)(memo + 1) + 63) & ~(uintptr_t)63;
    memo->depth = depth;
    memo->capacity = capacity;
    memo->count = 0;
    memo->stack_low = stack_low;
    memo->stack_high = stack_high;
    memo->links = (struct link *)at;
    memo->fresh_links = memo->links + capacity;
    memo->frames = (struct frame *)(memo->fresh_links + capacity);
    memo->fresh_frames = memo->frames + capacity;
    memo->ids = (uint32_t(*)[COLUMNS])(memo->fresh_frames + capacity);
    return memo;
}

// MARK: One step

// Takes the step outward that `rule` describes.
static inline __attribute__((always_inline)) enum hl_step
take_step(struct hl_cursor *cursor, uint32_t rule, struct hl_stack_window *window) {
    uint32_t kind = rule & 3;
    if (HL_UNWIND_UNLIKELY(kind == HL_RULE_SPECIAL)) {
        return hl_step_special(cursor, rule, window);
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
        cursor->slot = (uintptr_t)&never;
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
    cursor->found_by_fp = false;
    return HL_STEP_CALLER;
}

static enum hl_root root_of(enum hl_step step) {
    switch (step) {
    case HL_STEP_OUTERMOST:
        return HL_ROOT_COMPLETE;
    case HL_STEP_BAD_FRAME:
        return HL_ROOT_BAD_FRAME;
    default:
        return HL_ROOT_NO_RULE;
    }
}

// Why the stack ends before the frame at `cursor`, just stepped to, or 0 when the frame is real. Gives its rule.
static inline __attribute__((always_inline)) uint32_t
frame_rule(const struct hl_cursor *cursor, const uint64_t *entries, uint32_t epoch, uint32_t *rule) {
    if (HL_UNWIND_UNLIKELY(cursor->pc == 0)) {
        return HL_ROOT_COMPLETE; // thread and process entry leave a zero where a return address would be
    }
    *rule = hl_rule_at(hl_cursor_address(cursor), entries, epoch);
    return HL_UNWIND_UNLIKELY(*rule == HL_RULE_OF(HL_SPECIAL_NOT_CODE)) ? HL_ROOT_BAD_FRAME : 0;
}

static struct hl_cursor cursor_from(struct hl_registers from) {
    return (struct hl_cursor){.pc = from.pc, .sp = from.sp, .fp = from.fp};
}

static void window_from(struct hl_stack_window *window, uintptr_t sp, uintptr_t own_low,
                        uintptr_t own_high) {
    window->own_low = own_low;
    window->own_high = own_high;
    bool own = sp >= own_low && sp < own_high;
    window->low = own ? sp : 0;
    window->span = own && own_high - sp > 7 ? own_high - sp - 7 : 0;
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
    uint64_t *pcs = hl_system_memory(bytes);
    if (pcs == NULL) {
        return HL_ROOT_NONE;
    }
    const uint64_t exact_bit = UINT64_C(1) << 63;
    struct hl_stack_window window;
    window_from(&window, from.sp, own_low, own_high);
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
            pcs[count++] = cursor.pc | (cursor.exact ? exact_bit : 0);
            if (rule == HL_RULE_OF(HL_SPECIAL_OUTERMOST)) {
                root = HL_ROOT_COMPLETE;
            } else if (count == depth) {
                root = HL_ROOT_DEPTH;
            } else {
                enum hl_step step = take_step(&cursor, rule, &window);
                root = step == HL_STEP_CALLER ? 0 : root_of(step);
            }
        }
    }
    uint32_t id = root;
    while (count-- > 0) {
        id = hl_intern(id, pcs[count] & ~exact_bit, pcs[count] & exact_bit ? HL_NODE_EXACT : 0);
    }
    hl_system_memory_drop(pcs, bytes);
    return id;
}

uint32_t hl_stack_capture_full(struct hl_registers from, uint32_t depth) {
    return capture_full(from, depth, 0, 0);
}

// MARK: With the memo

// A capture under way.
struct walk {
    struct hl_stack_memo *memo;
    struct hl_cursor cursor;
    struct hl_stack_window window;
    const uint64_t *entries;
    uint32_t epoch;
    uint32_t depth;
    uint32_t limit;   // frames to walk: the depth, or a few more when a cut stack got shorter
    uint32_t fresh;   // frames in the fresh arrays, innermost first; they lie inside of frame keep - 1
    uint32_t keep;    // remembered frames that may still be met
    uint32_t count;   // frames once the fresh ones are in place
    uint32_t changed; // the outermost frame that is not as it was
    uint32_t root;    // why frame 0 is the last
};

static bool uses_fp(uint32_t rule) {
    return (rule & 3) != HL_RULE_SP && rule != HL_RULE_OF(HL_SPECIAL_OUTERMOST);
}

static bool is_compact(uint32_t rule) {
    return (rule & 3) != HL_RULE_SPECIAL;
}

static uint32_t cursor_flags(const struct hl_cursor *cursor) {
    return (cursor->exact ? FRAME_EXACT : 0) | (cursor->found_by_fp ? FRAME_BY_FP : 0);
}

static void put(struct link *link, struct frame *frame, const struct hl_cursor *cursor,
                uint32_t rule) {
    link->slot = (const uintptr_t *)cursor->slot;
    link->pc = cursor->pc;
    link->fp_slot = NULL;
    link->fp = cursor->fp;
    frame->sp = cursor->sp;
    frame->fp_slot = cursor->fp_slot;
    frame->rule = rule;
    frame->flags = cursor_flags(cursor);
}

// Moves frames `from` and inward to the fresh ones.
static void lift(struct walk *walk, uint32_t from) {
    struct hl_stack_memo *memo = walk->memo;
    uint32_t fresh = 0;
    for (uint32_t i = walk->count; i-- > from; fresh++) {
        memo->fresh_links[fresh] = memo->links[i];
        memo->fresh_frames[fresh] = memo->frames[i];
    }
    walk->fresh = fresh;
    walk->keep = from;
}

// Puts the fresh frames inside of frame keep - 1.
static void settle(struct walk *walk) {
    struct hl_stack_memo *memo = walk->memo;
    uint32_t at = walk->keep;
    if (at + walk->fresh > memo->capacity) { // drop what lies outside of the depth limit
        uint32_t drop = at + walk->fresh - walk->depth;
        at -= drop;
        memmove(memo->links, memo->links + drop, at * sizeof *memo->links);
        memmove(memo->frames, memo->frames + drop, at * sizeof *memo->frames);
        walk->changed = 0;
        walk->keep = at;
    }
    if (walk->fresh > 0) {
        walk->changed = walk->changed < at ? walk->changed : at;
    }
    for (uint32_t i = walk->fresh; i-- > 0; at++) {
        memo->links[at] = memo->fresh_links[i];
        memo->frames[at] = memo->fresh_frames[i];
    }
    walk->fresh = 0;
    walk->count = at;
}

// Marks the frames in which fp is live, from `from` inward, and sets what is compared.
static void mark_live(struct walk *walk, uint32_t from) {
    struct hl_stack_memo *memo = walk->memo;
    for (uint32_t i = from; i < walk->count; i++) {
        struct frame *frame = &memo->frames[i];
        struct link *link = &memo->links[i];
        bool handed_on = i > 0 && memo->frames[i - 1].fp_slot == 0 &&
                         (memo->frames[i - 1].flags & FRAME_FP_LIVE) != 0;
        bool was_live = (frame->flags & FRAME_FP_LIVE) != 0;
        bool live = uses_fp(frame->rule) || handed_on;
        frame->flags = live ? frame->flags | FRAME_FP_LIVE : frame->flags & ~FRAME_FP_LIVE;
        if (live && !was_live) { // its value was not kept up to date while nobody needed it
            uint32_t reader = i;
            while (reader + 1 < walk->count && memo->frames[reader].fp_slot == 0) {
                reader++;
            }
            const uintptr_t *slot = (const uintptr_t *)memo->frames[reader].fp_slot;
            link->fp = slot != NULL ? *slot : memo->links[walk->count - 1].fp;
        }
        link->fp_slot = live ? (const uintptr_t *)frame->fp_slot : NULL;
        if (i + 1 < walk->count && !is_compact(memo->frames[i + 1].rule)) {
            link->slot = &never;
        }
    }
}

// The id of frames `base` to count - 1 on `root`.
static uint32_t intern_frames(struct walk *walk, uint32_t base, uint32_t root) {
    struct hl_stack_memo *memo = walk->memo;
    uint32_t which = base % COLUMNS;
    if (walk->changed < walk->count) {
        mark_live(walk, walk->changed);
        for (uint32_t i = 0; i < COLUMNS; i++) {
            struct column *each = &memo->columns[i];
            each->valid = each->valid < walk->changed ? each->valid : walk->changed;
        }
    }
    struct column *column = &memo->columns[which];
    if (column->base != base || column->root != root || column->valid <= base) {
        column->base = base;
        column->root = root;
        column->valid = base;
    }
    if (column->valid < walk->count) {
        uint32_t id = column->valid == base ? root : memo->ids[column->valid - 1][which];
        for (uint32_t i = column->valid; i < walk->count; i++) {
            id = hl_intern(id, memo->links[i].pc,
                           memo->frames[i].flags & FRAME_EXACT ? HL_NODE_EXACT : 0);
            memo->ids[i][which] = id;
        }
        column->valid = walk->count;
    }
    return memo->ids[walk->count - 1][which];
}

// The true fp of frame `at`, when frame `met` inward of it has `fp`.
static uintptr_t fp_of(const struct walk *walk, uint32_t at, uint32_t met, uintptr_t fp) {
    const struct frame *frames = walk->memo->frames;
    while (at < met && frames[at].fp_slot == 0) {
        at++;
    }
    return at < met ? *(const uintptr_t *)frames[at].fp_slot : fp;
}

// Frame `at` is not part of this stack, but it stays remembered: says how it is reached from the frame inside of it.
static void continue_from(struct hl_stack_memo *memo, uint32_t at, const struct hl_cursor *cursor) {
    bool compact = is_compact(memo->frames[at + 1].rule);
    memo->links[at].slot = compact ? (const uintptr_t *)cursor->slot : &never;
    memo->frames[at].fp_slot = cursor->fp_slot;
    bool live = (memo->frames[at].flags & FRAME_FP_LIVE) != 0;
    memo->links[at].fp_slot = live ? (const uintptr_t *)cursor->fp_slot : NULL;
}

enum outcome { WALK_ON, WALK_DONE };

// The cursor stands at remembered frame keep - 1: its sp is the same. Goes outward in place while frames stay where they were.
static enum outcome follow(struct walk *walk) {
    struct hl_stack_memo *memo = walk->memo;
    uint32_t at = walk->keep - 1;
    uint32_t base = walk->count > walk->depth ? walk->count - walk->depth : 0;
    struct hl_cursor *cursor = &walk->cursor;
    if (at < base) { // the fresh frames are enough: keep the rest as their continuation
        continue_from(memo, at, cursor);
        return WALK_DONE;
    }
    for (;;) {
        struct link *link = &memo->links[at];
        struct frame *frame = &memo->frames[at];
        uint32_t rule = frame->rule;
        if (link->pc == cursor->pc && (link->fp == cursor->fp || (frame->flags & FRAME_FP_LIVE) == 0) &&
            (frame->flags & (FRAME_EXACT | FRAME_BY_FP)) == cursor_flags(cursor)) {
            link->fp = cursor->fp; // where it is not live it may differ
            if (at + 1 < walk->count) { // how it was reached may have changed; what it is has not
                continue_from(memo, at, cursor);
            }
            uint32_t met = at;
            const struct link *outer = link;
            while (at > base) {
                outer--;
                if (HL_UNWIND_UNLIKELY(*outer->slot != outer->pc)) {
                    break;
                }
                if (outer->fp_slot != NULL && HL_UNWIND_UNLIKELY(*outer->fp_slot != outer->fp)) {
                    break;
                }
                at--;
            }
            if (at == base && (base > 0 || walk->count == walk->depth ||
                               memo->frames[0].rule == HL_RULE_OF(HL_SPECIAL_OUTERMOST))) {
                return WALK_DONE;
            }
            if (at != met) {
                frame = &memo->frames[at];
                cursor->fp = fp_of(walk, at, met, cursor->fp);
                cursor->pc = memo->links[at].pc;
                cursor->sp = frame->sp;
                cursor->exact = (frame->flags & FRAME_EXACT) != 0;
                cursor->found_by_fp = (frame->flags & FRAME_BY_FP) != 0;
                cursor->link_known = false;
                rule = frame->rule;
            }
        } else {
            uint32_t root = frame_rule(cursor, walk->entries, walk->epoch, &rule);
            if (root != 0 && at + 1 < walk->count) {
                lift(walk, at + 1);
                walk->keep = 0;
                walk->root = root;
                return WALK_ON;
            }
            rule = root != 0 ? HL_RULE_OF(HL_SPECIAL_UNKNOWN) : rule;
            put(link, frame, cursor, rule);
            walk->changed = walk->changed < at ? walk->changed : at;
        }
        if (at == 0 && walk->count == walk->depth) {
            return WALK_DONE;
        }
        enum hl_step step = take_step(cursor, rule, &walk->window);
        uint32_t root = step == HL_STEP_CALLER ? 0 : root_of(step);
        if (at == 0) { // the end of the stack, as before or not
            if (root == 0) {
                root = frame_rule(cursor, walk->entries, walk->epoch, &rule);
            }
            if (root != 0) {
                walk->root = root;
                return WALK_DONE;
            }
            walk->limit = walk->depth + EXTRA_FRAMES;
        } else if (root == 0 && memo->frames[at - 1].sp == cursor->sp) {
            at--;
            if (at < base) {
                continue_from(memo, at, cursor);
                return WALK_DONE;
            }
            continue;
        }
        lift(walk, at);
        if (root != 0) {
            walk->keep = 0;
            walk->root = root;
        }
        return WALK_ON;
    }
}

// Cost at depth 32 with nothing changed: see Perf. One compare per frame, no rule, no hash.
static uint32_t capture(struct hl_stack_memo *memo, struct hl_registers from, uint32_t depth,
                        const uint64_t *entries, uint32_t epoch) {
    struct walk walk = {
        .memo = memo,
        .cursor = cursor_from(from),
        .entries = entries,
        .epoch = epoch,
        .depth = depth,
        .limit = depth,
        .keep = memo->count,
        .count = memo->count,
        .changed = UINT32_MAX,
    };
    window_from(&walk.window, from.sp, memo->stack_low, memo->stack_high);
    if (HL_UNWIND_UNLIKELY(walk.window.span == 0) && from.sp >= memo->foreign_low &&
        from.sp - memo->foreign_low < memo->foreign_span) {
        walk.window.low = memo->foreign_low;
        walk.window.span = memo->foreign_span;
    }
    bool foreign = !(from.sp >= memo->stack_low && from.sp < memo->stack_high);
    for (;;) {
        if (walk.root == 0) {
            while (walk.keep > 0 && memo->frames[walk.keep - 1].sp < walk.cursor.sp) {
                walk.keep--;
            }
            if (walk.keep > 0 && memo->frames[walk.keep - 1].sp == walk.cursor.sp) {
                settle(&walk);
                if (follow(&walk) == WALK_DONE) {
                    break;
                }
                continue;
            }
            if (walk.fresh >= walk.limit) {
                walk.root = HL_ROOT_DEPTH;
                continue;
            }
            uint32_t rule = 0;
            uint32_t root = frame_rule(&walk.cursor, entries, epoch, &rule);
            if (root != 0 && walk.fresh == 0) {
                rule = HL_RULE_OF(HL_SPECIAL_UNKNOWN); // the innermost frame is known to be one
                root = 0;
            }
            if (root == 0) {
                put(&memo->fresh_links[walk.fresh], &memo->fresh_frames[walk.fresh], &walk.cursor,
                    rule);
                walk.fresh++;
            }
            if (root != 0) {
                walk.root = root;
            } else if (walk.fresh < walk.limit) {
                enum hl_step step = take_step(&walk.cursor, rule, &walk.window);
                walk.root = step == HL_STEP_CALLER ? 0 : root_of(step);
            }
            continue;
        }
        walk.keep = 0;
        walk.changed = 0;
        settle(&walk);
        break;
    }
    memo->count = walk.count;
    uint32_t base = walk.count > depth ? walk.count - depth : 0;
    uint32_t root = HL_ROOT_DEPTH;
    if (memo->frames[base].rule == HL_RULE_OF(HL_SPECIAL_OUTERMOST)) {
        root = HL_ROOT_COMPLETE;
    } else if (walk.count < depth) {
        root = walk.root;
    }
    uint32_t id = intern_frames(&walk, base, root);
    if (HL_UNWIND_UNLIKELY(foreign)) {
        memo->foreign_low = walk.window.low;
        memo->foreign_span = walk.window.span;
    }
    return id;
}

uint32_t hl_stack_capture(struct hl_stack_memo *memo, struct hl_registers from, uint32_t depth) {
    if (depth > memo->depth) {
        depth = memo->depth;
    }
    if (HL_UNWIND_UNLIKELY(depth == 0)) {
        return HL_ROOT_NONE;
    }
    const uint64_t *entries = __atomic_load_n(&hl_rule_entries, __ATOMIC_ACQUIRE);
    uint32_t epoch = __atomic_load_n(&hl_rule_epoch, __ATOMIC_ACQUIRE);
    if (HL_UNWIND_UNLIKELY(entries == NULL || memo->busy != 0 || memo->epoch != epoch)) {
        if (!hl_rules_start()) {
            return HL_ROOT_NONE;
        }
        bool own = from.sp >= memo->stack_low && from.sp < memo->stack_high;
        if (memo->busy != 0 && (from.sp < memo->busy || !own)) {
            return capture_full(from, depth, memo->stack_low, memo->stack_high);
        }
        // Either the modules changed, or a signal handler left an earlier capture by longjmp: its frame is gone.
        memo->count = 0;
        memo->epoch = epoch;
        for (uint32_t i = 0; i < COLUMNS; i++) {
            memo->columns[i] = (struct column){0, 0, 0};
        }
        entries = __atomic_load_n(&hl_rule_entries, __ATOMIC_ACQUIRE);
    }
    // A signal handler on this thread must see `busy` before the memo is touched, and the memo whole before it is clear:
    // program order as the compiler keeps it is enough.
    memo->busy = from.sp;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    uint32_t id = capture(memo, from, depth, entries, epoch);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memo->busy = 0;
    return id;
}

void hl_stack_modules_changed(void) {
    hl_rules_forget();
    hl_module_forget();
    hl_intern_forget();
}
