// SPDX-License-Identifier: Apache-2.0
//
// The commonest pattern of firmware in a few instructions: free what was allocated last, allocate the same again. Public
// functions try this before the long way (heap_ops.h), which they take whenever it says no.
//
// A release that directly follows the allocation of the same block restores the heap to the state before, to the order of
// the lists: malloc takes the first block of a list, and a release puts the merged block first into the same list. So it
// is put off: if the next operation asks for the same again, it gets the same block, as it would have; any other operation
// carries the release out first.
//
//     malloc(n) → p · free(p) · malloc(n) → p        accounting at each step, lists untouched
//
// Not with comprehensive poisoning, where released memory must be seen to change.

#ifndef HL_HEAP_HOT_H
#define HL_HEAP_HOT_H

#include "heap_ops.h"

HL_HOT void hl_heap_take_bytes(struct hl_heap *heap, uint32_t bytes) {
    uint32_t left = hl_free_bytes(heap) - bytes;
    hl_set_free_bytes(heap, left);
    if (left < hl_minimum_bytes(heap))
        hl_set_minimum_bytes(heap, left);
}

HL_HOT bool hl_heap_is_last_allocation(const struct hl_heap *heap, uint32_t data) {
    if (data != heap->last_data || heap->release_is_pending || data == 0)
        return false;
    // Damaged sizes take the long way, where they are noticed.
    uint32_t word = *hl_word(heap, data - 4);
    return word == heap->last_word && *hl_word(heap, data + (word & ~3u)) == heap->last_next_word;
}

// hl_heap_malloc where the block released last is what it will give. 0: take the long way.
HL_HOT uint32_t hl_heap_take_again(struct hl_heap *heap, uint32_t size) {
    bool is_locked = heap->is_locked;
    uint32_t data = 0;
    if (is_locked && !hl_lock_enter(&heap->lock, hl_lock_self))
        return 0;
    if (size == heap->pending_request && size != 0) {
        heap->pending_request = 0;
        heap->release_is_pending = false;
        data = heap->last_data;
        hl_heap_take_bytes(heap, (heap->last_word & ~3u) + heap->header_cost);
    }
    if (is_locked)
        hl_lock_leave(&heap->lock);
    return data;
}

// hl_heap_free of the block that was allocated last. False: take the long way.
HL_HOT bool hl_heap_put_off(struct hl_heap *heap, uint32_t data) {
    bool is_locked = heap->is_locked, done = false;
    if (heap->poisoning != HL_POISONING_NONE || (is_locked && !hl_lock_enter(&heap->lock, hl_lock_self)))
        return false;
    if (hl_heap_is_last_allocation(heap, data)) {
        heap->release_is_pending = done = true;
        heap->pending_request = heap->last_request;
        hl_set_free_bytes(heap, hl_free_bytes(heap) + (heap->last_word & ~3u) + heap->header_cost);
    }
    if (is_locked)
        hl_lock_leave(&heap->lock);
    return done;
}

#endif
