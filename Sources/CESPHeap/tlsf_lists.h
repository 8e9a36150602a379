// SPDX-License-Identifier: Apache-2.0
//
// The segregated lists of a heap: size classes, insertion, removal, moving. Used by tlsf*.c only. With
// L = second_log2, H = first_shift, a size s belongs to list
//
//     s < small_size:  s / 4                      else  ((fls(s) - H) << L) + (s >> (fls(s) - L))
//
// which is first << L | second: the first level is the power of two, the second divides it into 2^L parts.

#ifndef HL_TLSF_LISTS_H
#define HL_TLSF_LISTS_H

#include "port.h"
#include "tlsf.h"

HL_HOT uint32_t hl_fls(uint32_t value) {
    return 31u - (uint32_t)__builtin_clz(value);
}

// REQUIRES: size != 0. May be list_count or more for sizes that the heap can not have.
HL_HOT uint32_t hl_list_of(const struct hl_heap *heap, uint32_t size) {
    if (size < heap->small_size)
        return size / 4;
    uint32_t top = hl_fls(size);
    return ((top - heap->first_shift) << heap->second_log2) + (size >> (top - heap->second_log2));
}

// Whether this is an address that a free-list word may hold.
HL_HOT bool hl_link_is_plausible(const struct hl_heap *heap, uint32_t link) {
    return (link - heap->first_block <= heap->list_span && (link & 3) == 0) || link == heap->null_block;
}

HL_HOT void hl_list_clear_bit(struct hl_heap *heap, uint32_t list) {
    uint32_t first = list >> heap->second_log2, second = list & ((1u << heap->second_log2) - 1);
    uint32_t left = heap->second_bitmaps[first] & ~(1u << second);
    heap->second_bitmaps[first] = left;
    if (left == 0)
        *heap->first_bitmap &= ~(1u << first);
}

HL_HOT void hl_list_set_bit(struct hl_heap *heap, uint32_t list) {
    uint32_t first = list >> heap->second_log2, second = list & ((1u << heap->second_log2) - 1);
    heap->second_bitmaps[first] |= 1u << second;
    *heap->first_bitmap |= 1u << first;
}

// Takes a block off its list. False with a fault noted when its links are damaged.
HL_HOT bool hl_list_remove(struct hl_heap *heap, uint32_t block, uint32_t list) {
    uint32_t next = *hl_word(heap, block + 8), previous = *hl_word(heap, block + 12);
    if (__builtin_expect(!hl_link_is_plausible(heap, next) || !hl_link_is_plausible(heap, previous) ||
                             list >= heap->list_count,
                         0)) {
        hl_tlsf_note_links(heap, block, next, previous);
        return false;
    }
    *hl_word(heap, next + 12) = previous;
    *hl_word(heap, previous + 8) = next;
    if (heap->heads[list] == block) {
        heap->heads[list] = next;
        if (next == heap->null_block)
            hl_list_clear_bit(heap, list);
    }
    return true;
}

// hl_list_remove for the block at the head of its list: what malloc takes. Its `previous free` is not looked at.
HL_HOT bool hl_list_remove_head(struct hl_heap *heap, uint32_t block, uint32_t list) {
    uint32_t next = *hl_word(heap, block + 8);
    if (__builtin_expect(!hl_link_is_plausible(heap, next), 0)) {
        hl_tlsf_note_links(heap, block, next, heap->null_block);
        return false;
    }
    *hl_word(heap, next + 12) = heap->null_block;
    heap->heads[list] = next;
    if (next == heap->null_block)
        hl_list_clear_bit(heap, list);
    return true;
}

// Puts a block at the head of its list. False with a fault noted when the size or the list is damaged.
HL_HOT bool hl_list_insert(struct hl_heap *heap, uint32_t block, uint32_t list) {
    if (__builtin_expect(list >= heap->list_count, 0)) {
        hl_tlsf_note_access(heap, block, true);
        return false;
    }
    uint32_t old = heap->heads[list];
    if (__builtin_expect(!hl_link_is_plausible(heap, old), 0)) {
        hl_tlsf_note_access(heap, old, true);
        return false;
    }
    *hl_word(heap, block + 8) = old;
    *hl_word(heap, block + 12) = heap->null_block;
    *hl_word(heap, old + 12) = block;
    heap->heads[list] = block;
    hl_list_set_bit(heap, list);
    return true;
}

// hl_list_remove of `old`, then hl_list_insert of `block`, both of one list: the bitmaps stay as they are, which is most
// of the work. The blocks may be the same.
HL_HOT bool hl_list_move(struct hl_heap *heap, uint32_t old, uint32_t block, uint32_t list) {
    uint32_t next = *hl_word(heap, old + 8), first = heap->heads[list];
    if (__builtin_expect(!hl_link_is_plausible(heap, next), 0)) {
        hl_tlsf_note_links(heap, old, next, heap->null_block);
        return false;
    }
    if (first != old) {
        uint32_t previous = *hl_word(heap, old + 12);
        if (__builtin_expect(!hl_link_is_plausible(heap, previous) || !hl_link_is_plausible(heap, first), 0)) {
            hl_tlsf_note_links(heap, old, next, previous);
            return false;
        }
        *hl_word(heap, previous + 8) = next;
        *hl_word(heap, next + 12) = previous;
        next = first;
    }
    *hl_word(heap, block + 8) = next;
    *hl_word(heap, block + 12) = heap->null_block;
    *hl_word(heap, next + 12) = block;
    heap->heads[list] = block;
    return true;
}

#endif
