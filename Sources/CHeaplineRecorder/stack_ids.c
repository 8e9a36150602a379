// SPDX-License-Identifier: Apache-2.0
//
// The second half of a capture: the frames in the memo are right, now they get an id, and what the next capture must compare
// is marked. Both start at the outermost frame that changed.
#include "stack_memo.h"

const uintptr_t hl_never = 1;

// Marks the frames in which fp is live, from `from` inward. Frames whose own rule uses fp are marked already; what is left
// is handing on.
static void mark_live(const struct hl_walk *walk, uint32_t from) {
    struct hl_frame *frame = &walk->past->frames[from];
    struct hl_frame *end = &walk->past->frames[walk->count];
    bool handed_on = from > 0 && frame[-1].live != 0 && frame[-1].fp_slot == 0;
    for (; frame != end; frame++) {
        uint32_t live = handed_on | hl_rule_uses_fp(frame->rule);
        if (HL_UNWIND_UNLIKELY(live != frame->live)) {
            frame->live = live;
            frame->checked = live ? (const uintptr_t *)frame->fp_slot : NULL;
            if (live) { // its value was not kept up to date while nobody needed it
                const struct hl_frame *reader = frame;
                while (reader != end - 1 && reader->fp_slot == 0) {
                    reader++;
                }
                frame->fp = reader->fp_slot != 0 ? *(const uintptr_t *)reader->fp_slot : end[-1].fp;
            }
        }
        handed_on = live != 0 && frame->fp_slot == 0;
    }
}

// What changed frames make invalid.
static void forget_ids(struct hl_past *past, uint32_t changed) {
    for (uint32_t used = past->columns_used; used != 0; used &= used - 1) {
        struct hl_column *column = &past->columns[__builtin_ctz(used)];
        column->valid = column->valid < changed ? column->valid : changed;
        column->count = column->count <= changed ? column->count : 0;
    }
}

uint32_t hl_stack_ids(struct hl_walk *walk, uint32_t base, uint32_t root, bool solid) {
    struct hl_past *past = walk->past;
    uint32_t count = walk->count;
    if (walk->reshaped < count) {
        mark_live(walk, walk->reshaped);
    }
    if (walk->changed < count) {
        forget_ids(past, walk->changed);
    }
    struct hl_column *column = &past->columns[base % HL_COLUMNS];
    if (column->base != base || column->root != root || column->valid < base) {
        column->base = base;
        column->root = root;
        column->valid = base;
        column->count = 0;
    }
    past->columns_used |= 1u << base % HL_COLUMNS;
    column->solid = solid;
    if (column->count == count) {
        return column->id;
    }
    struct hl_stack_sum sum;
    uint32_t id = hl_stack_find(&past->pcs[base], count - base, root, walk->epoch, &sum);
    if (id == 0) {
        uint32_t valid = column->valid < count ? column->valid : count;
        uint32_t strides = (valid - base) / HL_ID_STRIDE, done = strides * HL_ID_STRIDE;
        id = hl_intern_frames(strides == 0 ? root : column->ends[strides - 1], &past->pcs[base + done], count - base - done,
                              column->ends + strides);
        hl_stack_keep(&sum, id);
        uint32_t whole = count - (count - base) % HL_ID_STRIDE;
        column->valid = column->valid > whole ? column->valid : whole;
    }
    column->count = count;
    column->id = id;
    return id;
}

uint32_t hl_stack_chain(const uint64_t *pcs, uint32_t count, uint32_t root, uint32_t epoch) {
    struct hl_stack_sum sum;
    uint32_t id = hl_stack_find(pcs, count, root, epoch, &sum);
    if (HL_UNWIND_UNLIKELY(id == 0)) {
        id = hl_intern_frames(root, pcs, count, NULL);
        hl_stack_keep(&sum, id);
    }
    return id;
}
