// SPDX-License-Identifier: Apache-2.0
//
// The second half of a capture: the frames in the memo are right, now they get an id, and what the next capture must compare
// is marked. Both start at the outermost frame that changed.
#include "stack_memo.h"

#include <string.h>

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

// What a changed frame makes invalid.
static void forget_ids(struct hl_past *past, uint32_t changed) {
    for (uint32_t used = past->columns_used; used != 0; used &= used - 1) {
        struct hl_column *column = &past->columns[__builtin_ctz(used)];
        column->count = column->count <= changed ? column->count : 0;
    }
}

uint32_t hl_stack_ids(struct hl_stack_memo *memo, struct hl_walk *walk, uint32_t base, uint32_t root, bool solid) {
    struct hl_past *past = walk->past;
    uint32_t count = walk->count;
    if (walk->reshaped < count) {
        mark_live(walk, walk->reshaped);
    }
    if (walk->changed < count) {
        forget_ids(past, walk->changed);
    }
    struct hl_column *column = &past->columns[base % HL_COLUMNS];
    if (column->base != base || column->root != root) {
        column->base = base;
        column->root = root;
        column->count = 0;
    }
    past->columns_used |= 1u << base % HL_COLUMNS;
    column->solid = solid;
    if (column->count == count) {
        return column->id;
    }
    column->count = count;
    column->id = hl_stack_chain(memo->recent, &past->pcs[base], count - base, root, walk->epoch);
    return column->id;
}

// MARK: From frames to an id

size_t hl_recent_bytes(uint32_t depth) {
    return HL_RECENT * (size_t)depth * (sizeof(uint64_t) + sizeof(uint32_t));
}

void hl_recent_make(struct hl_recent recent[HL_RECENT], void *memory, uint32_t depth) {
    uint64_t *pcs = memory;
    uint32_t *ids = (uint32_t *)(pcs + HL_RECENT * (size_t)depth);
    for (uint32_t i = 0; i < HL_RECENT; i++) {
        recent[i] = (struct hl_recent){.pcs = pcs + i * (size_t)depth, .ids = ids + i * (size_t)depth};
    }
}

// The id of a stack that is not in the cache. Ids are looked up only from where the last such stack with the same outermost frame
// ceases to be the same: an id says what the frames up to there are, and is given out as long as the epoch lasts.
HL_UNWIND_SLOW static uint32_t intern(struct hl_recent recents[HL_RECENT], const uint64_t *pcs, uint32_t count,
                                      uint32_t root, uint32_t epoch) {
    struct hl_recent *recent = &recents[pcs[0] * UINT64_C(0x9e3779b97f4a7c15) >> 61];
    _Static_assert(HL_RECENT == 8, "as many as 3 bits choose from");
    uint32_t same = 0;
    if (recent->root == root && recent->epoch == epoch) {
        while (same < count && same < recent->count && pcs[same] == recent->pcs[same]) {
            same++;
        }
    }
    recent->root = root;
    recent->epoch = epoch;
    recent->count = count;
    memcpy(recent->pcs + same, pcs + same, (count - same) * sizeof *pcs);
    return hl_intern_frames(same == 0 ? root : recent->ids[same - 1], pcs + same, count - same, recent->ids + same);
}

uint32_t hl_stack_chain(struct hl_recent recent[HL_RECENT], const uint64_t *pcs, uint32_t count, uint32_t root,
                        uint32_t epoch) {
    struct hl_stack_sum sum;
    uint32_t id = hl_stack_find(pcs, count, root, epoch, &sum);
    if (HL_UNWIND_UNLIKELY(id == 0)) {
        id = intern(recent, pcs, count, root, epoch);
        hl_stack_keep(&sum, id);
    }
    return id;
}
