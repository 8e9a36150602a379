// SPDX-License-Identifier: Apache-2.0
//
// TLSF's malloc and free, inlined where they are used: heap_ops.c, where one call of firmware is one stretch of code, and
// tlsf.c. Each reads top to bottom as the rule it implements; see tlsf.h for the layout and tlsf_lists.h for the lists.
//
// Cost: a bounded number of word accesses, whatever the heap's size or state.

#ifndef HL_TLSF_HOT_H
#define HL_TLSF_HOT_H

#include <string.h>

#include "tlsf.h"
#include "tlsf_lists.h"

// size up to a multiple of alignment, 0 when it can not be had; wraps at 2^32 as on the chip.
// REQUIRES: size != 0.
HL_HOT uint32_t hl_adjust_request(const struct hl_heap *heap, uint32_t size, uint32_t alignment) {
    uint32_t aligned = (size + alignment - 1) & ~(alignment - 1);
    if (__builtin_expect(aligned >= heap->request_end, 0))
        return 0;
    return aligned < HL_BLOCK_MIN ? HL_BLOCK_MIN : aligned;
}

// What a request looks for: the first list that holds only blocks that are large enough, and the least size in it.
struct hl_search {
    uint32_t list, size;
};

HL_HOT struct hl_search hl_search_for(const struct hl_view *view, uint32_t size) {
    uint32_t first = hl_fls(size | view->small_size) - view->first_shift, shift = first + 2;
    uint32_t steps = (size + (1u << shift) - 1) >> shift;
    return (struct hl_search){(first << view->second_log2) + steps, steps << shift};
}

HL_SLOW uint32_t hl_tlsf_note_short_block(uint32_t block);
// UINT32_MAX.
HL_SLOW uint32_t hl_tlsf_note_empty_map(const struct hl_heap *heap);
// The fault of a free that the checks of hl_tlsf_release refuse; 0.
HL_SLOW uint32_t hl_tlsf_note_free(const struct hl_heap *heap, uint32_t data);
HL_SLOW uint32_t hl_tlsf_note_previous(const struct hl_heap *heap, uint32_t previous, bool is_readable);

// The first list that is not empty, from this one on. UINT32_MAX: none, and a fault noted if damage is why and `notes`.
HL_HOT uint32_t hl_find_list(const struct hl_view *view, uint32_t list, bool notes) {
    uint32_t second_log2 = view->second_log2;
    if (__builtin_expect(list >= view->list_count, 0))
        return UINT32_MAX;
    uint32_t first = list >> second_log2;
    uint32_t map = view->second_bitmaps[first] & (~0u << (list & ((1u << second_log2) - 1)));
    if (map == 0) {
        // Two shifts: by 32 there is none.
        uint32_t first_map = *view->first_bitmap & (~0u << first << 1);
        if (first_map == 0)
            return UINT32_MAX;
        first = (uint32_t)__builtin_ctz(first_map);
        if (__builtin_expect(first << second_log2 >= view->list_count, 0))
            return notes ? hl_tlsf_note_empty_map(view->heap) : UINT32_MAX;
        map = view->second_bitmaps[first];
        if (__builtin_expect(map == 0, 0))
            return notes ? hl_tlsf_note_empty_map(view->heap) : UINT32_MAX;
    }
    list = (first << second_log2) + (uint32_t)__builtin_ctz(map);
    if (__builtin_expect(list >= view->list_count, 0))
        return notes ? hl_tlsf_note_empty_map(view->heap) : UINT32_MAX;
    return list;
}

// Its first block. 0: none, or a fault noted.
HL_HOT uint32_t hl_find_block(const struct hl_view *view, struct hl_search search, uint32_t *found) {
    uint32_t list = hl_find_list(view, search.list, true);
    if (__builtin_expect(list == UINT32_MAX, 0))
        return 0;
    uint32_t block = view->heads[list];
    if (__builtin_expect(!hl_link_is_plausible(view, block), 0)) {
        hl_tlsf_note_access(view->heap, block, false);
        return 0;
    }
    if (__builtin_expect((*hl_at(view, block + 4) & ~3u) < search.size, 0))
        return hl_tlsf_note_short_block(block);
    *found = list;
    return block;
}

HL_HOT bool hl_is_header(const struct hl_view *view, uint32_t header) {
    return hl_is_word_within(header, view->null_block, view->header_span);
}

// A block in use, with the size words of it and of the one after it.
struct hl_taken {
    uint32_t data; // 0: none, a fault may be noted
    uint32_t word, next_word;
    uint32_t link; // the block's successor in the list it came from
    uint32_t list; // that list if a rest was cut off, else UINT32_MAX
};

// Takes the found block off its list, marks it used and gives what is left beyond `size` back. `listed` is false when a
// part was cut off in front: the block is on no list then.
HL_HOT struct hl_taken hl_use_block(const struct hl_view *view, uint32_t block, uint32_t list, bool listed,
                                    uint32_t size) {
    uint32_t word = *hl_at(view, block + 4), whole = word & ~3u;
    uint32_t next = block + whole + HL_HEADER_OVERHEAD;
    struct hl_taken taken = {.link = *hl_at(view, block + 8), .list = UINT32_MAX};
    if (__builtin_expect(!hl_is_header(view, next), 0)) {
        hl_tlsf_note_access(view->heap, next, true);
        return taken;
    }
    if (whole >= size + HL_BLOCK_MIN + HL_HEADER_OVERHEAD) {
        uint32_t rest = block + size + HL_HEADER_OVERHEAD;
        uint32_t rest_size = whole - size - HL_HEADER_OVERHEAD;
        uint32_t rest_list = hl_list_of(view, rest_size);
        bool done = listed && rest_list == list
                        ? hl_list_move(view, block, rest, list)
                        : (!listed || hl_list_remove_head(view, block, list)) &&
                              hl_list_insert(view, rest, rest_list);
        taken.list = list;
        if (__builtin_expect(!done, 0))
            return taken;
        taken.word = size | (word & HL_BLOCK_PREVIOUS_FREE);
        taken.next_word = rest_size | HL_BLOCK_FREE;
        *hl_at(view, rest) = block; // stays behind in the block's last word
        *hl_at(view, rest + 4) = taken.next_word;
        *hl_at(view, next) = rest;
        *hl_at(view, next + 4) |= HL_BLOCK_PREVIOUS_FREE;
    } else {
        if (__builtin_expect(listed && !hl_list_remove_head(view, block, list), 0))
            return taken;
        taken.word = word & ~(uint32_t)HL_BLOCK_FREE;
        taken.next_word = *hl_at(view, next + 4) & ~(uint32_t)HL_BLOCK_PREVIOUS_FREE;
        *hl_at(view, next + 4) = taken.next_word;
    }
    *hl_at(view, block + 4) = taken.word;
    taken.data = block + HL_DATA_OFFSET;
    return taken;
}

// REQUIRES: size != 0.
HL_HOT struct hl_taken hl_tlsf_take_with(struct hl_heap *heap, uint32_t size, uint32_t second_log2) {
    struct hl_view view = hl_view_with(heap, second_log2);
    uint32_t list, adjusted = hl_adjust_request(heap, size, 4);
    if (__builtin_expect(adjusted == 0, 0))
        return (struct hl_taken){.data = 0};
    struct hl_search search = hl_search_for(&view, adjusted);
    uint32_t block = hl_find_block(&view, search, &list);
    if (__builtin_expect(block == 0, 0))
        return (struct hl_taken){.data = 0};
    return hl_use_block(&view, block, list, true, heap->rounds_malloc ? search.size : adjusted);
}

// Once for each division that heaps have (tlsf_create.c).
HL_HOT struct hl_taken hl_tlsf_take(struct hl_heap *heap, uint32_t size) {
    switch (heap->second_log2) {
    case 3:
        return hl_tlsf_take_with(heap, size, 3);
    case 4:
        return hl_tlsf_take_with(heap, size, 4);
    default:
        return hl_tlsf_take_with(heap, size, 5);
    }
}

// hl_tlsf_release of `last`, then hl_tlsf_take, where both concern the same free block: its first `last->word` bytes
// become another number, and the rest moves. False: nothing was done.
//
//     before    | last      | rest                | next        released, the whole block would be first in `last->list`,
//     after     | taken            | rest         | next        and the rest, now first in its list, gone from it
HL_HOT bool hl_tlsf_retake_with(struct hl_heap *heap, struct hl_taken *last, uint32_t size, uint32_t second_log2) {
    struct hl_view view = hl_view_with(heap, second_log2);
    uint32_t adjusted = hl_adjust_request(heap, size, 4);
    if (__builtin_expect(adjusted == 0, 0))
        return false;
    struct hl_search search = hl_search_for(&view, adjusted);
    uint32_t block = last->data - HL_DATA_OFFSET, old = last->word & ~3u, old_rest_size = last->next_word & ~3u;
    uint32_t old_rest = block + old + HL_HEADER_OVERHEAD, old_list = hl_list_of(&view, old_rest_size);
    // What the search would find: the whole block, unless another one is in a list before.
    uint32_t found = hl_find_list(&view, search.list, false);
    if (found == old_list && old_list != last->list) {
        if (*hl_at(&view, old_rest + 8) != view.null_block)
            return false;
        found = hl_find_list(&view, old_list + 1, false);
    }
    if (search.list > last->list || found < last->list)
        return false;
    uint32_t given = heap->rounds_malloc ? search.size : adjusted;
    uint32_t whole = old + HL_HEADER_OVERHEAD + old_rest_size;
    if (whole < search.size || whole < given + HL_BLOCK_MIN + HL_HEADER_OVERHEAD)
        return false;
    uint32_t rest = block + given + HL_HEADER_OVERHEAD, rest_size = whole - given - HL_HEADER_OVERHEAD;
    uint32_t list = hl_list_of(&view, rest_size);
    if (!hl_link_is_plausible(&view, *hl_at(&view, old_rest + 8)))
        return false;
    // What the release leaves behind in the old rest's header; the new one may overlap it.
    *hl_at(&view, old_rest) = block;
    *hl_at(&view, old_rest + 4) = last->next_word | HL_BLOCK_PREVIOUS_FREE;
    if (list == old_list)
        hl_list_move(&view, old_rest, rest, list);
    else if (!hl_list_remove_head(&view, old_rest, old_list) || !hl_list_insert(&view, rest, list))
        return false; // with a fault noted: the heads are damaged
    last->word = given | (last->word & HL_BLOCK_PREVIOUS_FREE);
    last->next_word = rest_size | HL_BLOCK_FREE;
    *hl_at(&view, block + 4) = last->word;
    *hl_at(&view, rest + 4) = last->next_word;
    *hl_at(&view, block + whole + HL_HEADER_OVERHEAD) = rest;
    return true;
}

HL_HOT bool hl_tlsf_retake(struct hl_heap *heap, struct hl_taken *last, uint32_t size) {
    switch (heap->second_log2) {
    case 3:
        return hl_tlsf_retake_with(heap, last, size, 3);
    case 4:
        return hl_tlsf_retake_with(heap, last, size, 4);
    default:
        return hl_tlsf_retake_with(heap, last, size, 5);
    }
}

// The header of an absorbed block becomes data of the one before: what the search for use after free looks at.
HL_HOT void hl_fill_absorbed(const struct hl_view *view, uint32_t absorbed) {
    if (__builtin_expect(view->heap->poisoning == HL_POISONING_COMPREHENSIVE, 0))
        memset(hl_at(view, absorbed), 0xfe, 16);
}

// Lists a free block of `size` bytes that is on no list, merged with its successor if that is free. `size` becomes the
// block's.
HL_HOT bool hl_merge_next_and_insert(const struct hl_view *view, uint32_t block, uint32_t size, uint32_t next) {
    uint32_t next_word = *hl_at(view, next + 4);
    if (!(next_word & HL_BLOCK_FREE)) {
        *hl_at(view, block + 4) = size | HL_BLOCK_FREE;
        *hl_at(view, next) = block;
        *hl_at(view, next + 4) = next_word | HL_BLOCK_PREVIOUS_FREE;
        return hl_list_insert(view, block, hl_list_of(view, size));
    }
    uint32_t next_size = next_word & ~3u, after = next + next_size + HL_HEADER_OVERHEAD;
    if (__builtin_expect(!hl_is_header(view, after) || after <= next || next_size < HL_BLOCK_MIN, 0)) {
        hl_tlsf_note_access(view->heap, after, true);
        return false;
    }
    uint32_t merged = size + next_size + HL_HEADER_OVERHEAD;
    uint32_t old_list = hl_list_of(view, next_size), list = hl_list_of(view, merged);
    bool done = old_list == list && list < view->list_count
                    ? hl_list_move(view, next, block, list)
                    : hl_list_remove(view, next, old_list) && hl_list_insert(view, block, list);
    if (__builtin_expect(!done, 0))
        return false;
    *hl_at(view, block + 4) = merged | HL_BLOCK_FREE;
    // What stays behind in the absorbed header is the chip's, too: it told the next block before it merged the two.
    *hl_at(view, next) = block;
    *hl_at(view, next + 4) = next_word | HL_BLOCK_PREVIOUS_FREE;
    hl_fill_absorbed(view, next);
    *hl_at(view, after) = block;
    return true;
}

HL_HOT uint32_t hl_tlsf_release_with(struct hl_heap *heap, uint32_t data, uint32_t second_log2) {
    struct hl_view view = hl_view_with(heap, second_log2);
    uint32_t block = data - HL_DATA_OFFSET;
    if (__builtin_expect(!hl_link_is_plausible(&view, block), 0))
        return hl_tlsf_note_free(heap, data);
    uint32_t word = *hl_at(&view, block + 4), freed = word & ~3u, size = freed;
    uint32_t next = block + size + HL_HEADER_OVERHEAD;
    if (__builtin_expect((word & HL_BLOCK_FREE) || size == 0 || next <= block || !hl_is_header(&view, next), 0))
        return hl_tlsf_note_free(heap, data);
    if (word & HL_BLOCK_PREVIOUS_FREE) {
        uint32_t previous = *hl_at(&view, block);
        if (__builtin_expect(!hl_link_is_plausible(&view, previous), 0))
            return hl_tlsf_note_previous(heap, previous, false);
        uint32_t previous_word = *hl_at(&view, previous + 4);
        if (__builtin_expect(!(previous_word & HL_BLOCK_FREE) || previous_word < 4, 0))
            return hl_tlsf_note_previous(heap, previous, true);
        if (!hl_list_remove(&view, previous, hl_list_of(&view, previous_word & ~3u)))
            return 0;
        *hl_at(&view, block + 4) = word | HL_BLOCK_FREE; // stays behind
        hl_fill_absorbed(&view, block);
        size += (previous_word & ~3u) + HL_HEADER_OVERHEAD;
        block = previous;
    }
    return hl_merge_next_and_insert(&view, block, size, next) ? freed : 0;
}

// The size of the block; 0 when it can not be freed, with a fault noted.
HL_HOT uint32_t hl_tlsf_release(struct hl_heap *heap, uint32_t data) {
    switch (heap->second_log2) {
    case 3:
        return hl_tlsf_release_with(heap, data, 3);
    case 4:
        return hl_tlsf_release_with(heap, data, 4);
    default:
        return hl_tlsf_release_with(heap, data, 5);
    }
}

#endif
