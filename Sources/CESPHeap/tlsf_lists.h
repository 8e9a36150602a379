// SPDX-License-Identifier: Apache-2.0
//
// The segregated lists of a heap: size classes, insertion, removal, search. Used by tlsf.c and tlsf_check.c only.
//
//     class of size s:  s < small_size:  (0, s / 4)
//                       else             (fls(s) - first_shift + 1, (s >> (fls(s) - second_log2)) xor 2^second_log2)

#ifndef HL_TLSF_LISTS_H
#define HL_TLSF_LISTS_H

#include "port.h"
#include "tlsf.h"

struct hl_class {
    uint32_t first, second;
};

static inline uint32_t hl_fls(uint32_t value) {
    return 31u - (uint32_t)__builtin_clz(value);
}

// REQUIRES: size != 0.
static inline struct hl_class hl_class_of(const struct hl_heap *heap, uint32_t size) {
    if (size < heap->small_size)
        return (struct hl_class){0, size / 4};
    uint32_t top = hl_fls(size);
    return (struct hl_class){top - heap->first_shift + 1,
                             (size >> (top - heap->second_log2)) ^ (1u << heap->second_log2)};
}

// Whether this is an address that a free-list word may hold.
static inline bool hl_link_is_plausible(const struct hl_heap *heap, uint32_t link) {
    return (link - heap->first_block <= heap->list_span && (link & 3) == 0) || link == heap->null_block;
}

// Takes a block out of list (c.first, c.second). False with a fault noted when its links are damaged.
static inline bool hl_list_remove(struct hl_heap *heap, uint32_t block, struct hl_class c) {
    uint32_t next = *hl_word(heap, block + 8), previous = *hl_word(heap, block + 12);
    if (__builtin_expect(!hl_link_is_plausible(heap, next) || !hl_link_is_plausible(heap, previous) ||
                             c.first >= heap->first_count,
                         0)) {
        if (previous == 0)
            hl_fault_note(HL_FAULT_ASSERT, block + HL_DATA_OFFSET,
                          "assert failed: remove_free_block tlsf_control_functions.h:372 "
                          "(prev && \"prev_free field can not be null\")");
        else if (next == 0)
            hl_fault_note(HL_FAULT_ASSERT, block + HL_DATA_OFFSET,
                          "assert failed: remove_free_block tlsf_control_functions.h:373 "
                          "(next && \"next_free field can not be null\")");
        else
            hl_tlsf_note_access(heap, hl_link_is_plausible(heap, next) ? previous : next, true);
        return false;
    }
    *hl_word(heap, next + 12) = previous;
    *hl_word(heap, previous + 8) = next;
    uint32_t *head = &heap->heads[(c.first << heap->second_log2) + c.second];
    if (*head == block) {
        *head = next;
        if (next == heap->null_block) {
            heap->second_bitmaps[c.first] &= ~(1u << c.second);
            if (heap->second_bitmaps[c.first] == 0)
                *heap->first_bitmap &= ~(1u << c.first);
        }
    }
    return true;
}

// Puts a block at the head of its list. False with a fault noted when the size or the list is damaged.
static inline bool hl_list_insert(struct hl_heap *heap, uint32_t block, uint32_t size) {
    struct hl_class c = hl_class_of(heap, size);
    if (__builtin_expect(c.first >= heap->first_count, 0)) {
        hl_tlsf_note_access(heap, block, true);
        return false;
    }
    uint32_t *head = &heap->heads[(c.first << heap->second_log2) + c.second];
    uint32_t old = *head;
    if (__builtin_expect(!hl_link_is_plausible(heap, old), 0)) {
        hl_tlsf_note_access(heap, old, true);
        return false;
    }
    *hl_word(heap, block + 8) = old;
    *hl_word(heap, block + 12) = heap->null_block;
    *hl_word(heap, old + 12) = block;
    *head = block;
    *heap->first_bitmap |= 1u << c.first;
    heap->second_bitmaps[c.first] |= 1u << c.second;
    return true;
}

#endif
