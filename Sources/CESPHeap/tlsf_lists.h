// SPDX-License-Identifier: Apache-2.0
//
// The segregated lists of a heap: size classes, insertion, removal, moving. Used by tlsf*.c only.
// With L = second_log2, H = first_shift, a size s belongs to list
//
//     s < small_size:  s / 4                      else  ((fls(s) - H) << L) + (s >> (fls(s) - L))
//
// which is first << L | second: the first level is the power of two, the second divides it into 2^L
// parts.

#ifndef HL_TLSF_LISTS_H
#define HL_TLSF_LISTS_H

#include "port.h"
#include "tlsf.h"

// A heap's parameters as local variables: stores to chip memory can not change them, which a
// compiler does not know of the heap itself.
struct hl_view {
    const struct hl_heap *heap;
    uintptr_t base;
    uint32_t *first_bitmap, *second_bitmaps, *heads;
    uint32_t null_block, header_span, link_span, list_count, small_size;
    uint32_t second_log2, first_shift;
};

// With a constant `second_log2` the shifts below are constants too.
HL_HOT struct hl_view hl_view_with(const struct hl_heap *heap, uint32_t second_log2) {
    return (struct hl_view){.heap = heap,
                            .base = heap->base,
                            .first_bitmap = heap->first_bitmap,
                            .second_bitmaps = heap->second_bitmaps,
                            .heads = heap->heads,
                            .null_block = heap->null_block,
                            .header_span = heap->header_span,
                            .link_span = heap->link_span,
                            .list_count = heap->list_count,
                            .small_size = 4u << second_log2,
                            .second_log2 = second_log2,
                            .first_shift = second_log2 + 2};
}

HL_HOT struct hl_view hl_view_of(const struct hl_heap *heap) {
    return hl_view_with(heap, heap->second_log2);
}

HL_HOT uint32_t *hl_at(const struct hl_view *view, uint32_t address) {
    return (uint32_t *)(view->base + address);
}

HL_HOT uint32_t hl_fls(uint32_t value) {
    return 31u - (uint32_t)__builtin_clz(value);
}

// REQUIRES: size != 0. May be list_count or more for sizes that the heap can not have.
HL_HOT uint32_t hl_list_of(const struct hl_view *view, uint32_t size) {
    // One formula: fls(size | small_size) is first_shift for the small ones, and second_log2 is first_shift - 2.
    uint32_t first = hl_fls(size | view->small_size) - view->first_shift;
    return (first << view->second_log2) + (size >> (first + 2));
}

// Whether this is an address that a free-list word may hold, and that 16 bytes can be touched at.
HL_HOT bool hl_link_is_plausible(const struct hl_view *view, uint32_t link) {
    return hl_is_word_within(link, view->null_block, view->link_span);
}

// Clears the bits of a list that became empty.
HL_HOT void hl_list_clear_bit(const struct hl_view *view, uint32_t list) {
    uint32_t first = list >> view->second_log2, second = list & ((1u << view->second_log2) - 1);
    uint32_t left = view->second_bitmaps[first] & ~(1u << second);
    view->second_bitmaps[first] = left;
    if (left == 0)
        *view->first_bitmap &= ~(1u << first);
}

HL_HOT void hl_list_set_bit(const struct hl_view *view, uint32_t list) {
    uint32_t first = list >> view->second_log2, second = list & ((1u << view->second_log2) - 1);
    view->second_bitmaps[first] |= 1u << second;
    *view->first_bitmap |= 1u << first;
}

// Takes a block off its list. False with a fault noted when its links are damaged.
HL_HOT bool hl_list_remove(const struct hl_view *view, uint32_t block, uint32_t list) {
    uint32_t next = *hl_at(view, block + 8), previous = *hl_at(view, block + 12);
    if (__builtin_expect(!hl_link_is_plausible(view, next) ||
                             !hl_link_is_plausible(view, previous) || list >= view->list_count,
                         0)) {
        hl_tlsf_note_links(view->heap, block, next, previous);
        return false;
    }
    *hl_at(view, next + 12) = previous;
    *hl_at(view, previous + 8) = next;
    if (view->heads[list] == block) {
        view->heads[list] = next;
        if (next == view->null_block)
            hl_list_clear_bit(view, list);
    }
    return true;
}

// hl_list_remove for the block at the head of its list: what malloc takes. Its `previous free` is
// not looked at.
HL_HOT bool hl_list_remove_head(const struct hl_view *view, uint32_t block, uint32_t list) {
    uint32_t next = *hl_at(view, block + 8);
    if (__builtin_expect(!hl_link_is_plausible(view, next), 0)) {
        hl_tlsf_note_links(view->heap, block, next, view->null_block);
        return false;
    }
    *hl_at(view, next + 12) = view->null_block;
    view->heads[list] = next;
    if (next == view->null_block)
        hl_list_clear_bit(view, list);
    return true;
}

// Puts a block at the head of its list. False with a fault noted when the size or the list is
// damaged.
HL_HOT bool hl_list_insert(const struct hl_view *view, uint32_t block, uint32_t list) {
    if (__builtin_expect(list >= view->list_count, 0)) {
        hl_tlsf_note_access(view->heap, block, true);
        return false;
    }
    uint32_t old = view->heads[list];
    if (__builtin_expect(!hl_link_is_plausible(view, old), 0)) {
        hl_tlsf_note_access(view->heap, old, true);
        return false;
    }
    *hl_at(view, block + 8) = old;
    *hl_at(view, block + 12) = view->null_block;
    *hl_at(view, old + 12) = block;
    view->heads[list] = block;
    hl_list_set_bit(view, list);
    return true;
}

// hl_list_remove of `old`, then hl_list_insert of `block`, both of one list: the bitmaps stay as
// they are, which is most of the work. The blocks may be the same.
HL_HOT bool hl_list_move(const struct hl_view *view, uint32_t old, uint32_t block, uint32_t list) {
    uint32_t next = *hl_at(view, old + 8), first = view->heads[list];
    if (__builtin_expect(!hl_link_is_plausible(view, next), 0)) {
        hl_tlsf_note_links(view->heap, old, next, view->null_block);
        return false;
    }
    if (first != old) {
        uint32_t previous = *hl_at(view, old + 12);
        if (__builtin_expect(
                !hl_link_is_plausible(view, previous) || !hl_link_is_plausible(view, first), 0)) {
            hl_tlsf_note_links(view->heap, old, next, previous);
            return false;
        }
        *hl_at(view, previous + 8) = next;
        *hl_at(view, next + 12) = previous;
        next = first;
    }
    *hl_at(view, block + 8) = next;
    *hl_at(view, block + 12) = view->null_block;
    *hl_at(view, next + 12) = block;
    view->heads[list] = block;
    return true;
}

#endif
