// SPDX-License-Identifier: Apache-2.0
//
// Allocation, release and resizing. Each public function reads top to bottom as the rule it
// implements; see tlsf.h for the layout and tlsf_lists.h for the lists.
//
// Cost of malloc or free: a bounded number of word accesses, whatever the heap's size or state.

#include "tlsf.h"

#include <string.h>

#include "tlsf_lists.h"

// size up to a multiple of alignment, 0 when it can not be had; wraps at 2^32 as on the chip.
HL_HOT uint32_t adjust_request(const struct hl_heap *heap, uint32_t size, uint32_t alignment) {
    if (size == 0)
        return 0;
    uint32_t aligned = (size + alignment - 1) & ~(alignment - 1);
    if (aligned >= heap->request_end)
        return 0;
    return aligned < HL_BLOCK_MIN ? HL_BLOCK_MIN : aligned;
}

// What a request looks for: the first list that holds only blocks that are large enough, and the
// least size in it.
struct search {
    uint32_t list, size;
};

HL_HOT struct search search_for(const struct hl_view *view, uint32_t size) {
    if (size < view->small_size)
        return (struct search){size / 4, size};
    uint32_t top = hl_fls(size), shift = top - view->second_log2;
    uint32_t steps = (size + (1u << shift) - 1) >> shift;
    return (struct search){((top - view->first_shift) << view->second_log2) + steps,
                           steps << shift};
}

HL_SLOW static uint32_t note_short_block(uint32_t block) {
    hl_tlsf_note_assert(
        block + HL_DATA_OFFSET,
        "block_locate_free tlsf_control_functions.h:618 (block_size(block) >= *size)");
    return 0;
}

HL_SLOW static uint32_t note_empty_map(const struct hl_heap *heap) {
    hl_tlsf_note_assert(heap->start,
                        "search_suitable_block tlsf_control_functions.h:359 "
                        "(sl_map && \"internal error - second level bitmap is null\")");
    return 0;
}

// The first block of the first list that is not empty, from the searched one on; and that list. 0:
// none.
HL_HOT uint32_t find_block(const struct hl_view *view, struct search search, uint32_t *found) {
    uint32_t list = search.list, second_log2 = view->second_log2;
    if (__builtin_expect(list >= view->list_count, 0))
        return 0;
    uint32_t first = list >> second_log2;
    uint32_t map = view->second_bitmaps[first] & (~0u << (list & ((1u << second_log2) - 1)));
    if (map == 0) {
        // Two shifts: by 32 there is none.
        uint32_t first_map = *view->first_bitmap & (~0u << first << 1);
        if (first_map == 0)
            return 0;
        first = (uint32_t)__builtin_ctz(first_map);
        if (__builtin_expect(first << second_log2 >= view->list_count, 0))
            return note_empty_map(view->heap);
        map = view->second_bitmaps[first];
        if (__builtin_expect(map == 0, 0))
            return note_empty_map(view->heap);
    }
    list = (first << second_log2) + (uint32_t)__builtin_ctz(map);
    if (__builtin_expect(list >= view->list_count, 0))
        return note_empty_map(view->heap);
    uint32_t block = view->heads[list];
    if (__builtin_expect(!hl_link_is_plausible(view, block), 0)) {
        hl_tlsf_note_access(view->heap, block, false);
        return 0;
    }
    if (__builtin_expect((*hl_at(view, block + 4) & ~3u) < search.size, 0))
        return note_short_block(block);
    *found = list;
    return block;
}

HL_HOT bool is_header(const struct hl_view *view, uint32_t header) {
    return hl_is_word_within(header, view->null_block, view->header_span);
}

// Takes the found block off its list, marks it used and gives what is left beyond `size` back.
// `listed` is false when a part was cut off in front: the block is on no list then. Returns the
// data address, 0 with a fault noted.
HL_HOT uint32_t use_block(const struct hl_view *view, uint32_t block, uint32_t list, bool listed,
                          uint32_t size) {
    uint32_t word = *hl_at(view, block + 4), whole = word & ~3u;
    uint32_t next = block + whole + HL_HEADER_OVERHEAD;
    if (__builtin_expect(!is_header(view, next), 0)) {
        hl_tlsf_note_access(view->heap, next, true);
        return 0;
    }
    if (whole >= size + HL_BLOCK_MIN + HL_HEADER_OVERHEAD) {
        uint32_t rest = block + size + HL_HEADER_OVERHEAD;
        uint32_t rest_size = whole - size - HL_HEADER_OVERHEAD;
        uint32_t rest_list = hl_list_of(view, rest_size);
        bool done = listed && rest_list == list
                        ? hl_list_move(view, block, rest, list)
                        : (!listed || hl_list_remove_head(view, block, list)) &&
                              hl_list_insert(view, rest, rest_list);
        if (__builtin_expect(!done, 0))
            return 0;
        *hl_at(view, block + 4) = size | (word & HL_BLOCK_PREVIOUS_FREE);
        *hl_at(view, rest + 4) = rest_size | HL_BLOCK_FREE;
        *hl_at(view, next) = rest;
        *hl_at(view, next + 4) |= HL_BLOCK_PREVIOUS_FREE;
    } else {
        if (listed && !hl_list_remove_head(view, block, list))
            return 0;
        *hl_at(view, block + 4) = word & ~(uint32_t)HL_BLOCK_FREE;
        *hl_at(view, next + 4) &= ~(uint32_t)HL_BLOCK_PREVIOUS_FREE;
    }
    return block + HL_DATA_OFFSET;
}

uint32_t hl_tlsf_malloc(struct hl_heap *heap, uint32_t size) {
    struct hl_view view = hl_view_of(heap);
    uint32_t list, adjusted = adjust_request(heap, size, 4);
    if (adjusted == 0)
        return 0;
    struct search search = search_for(&view, adjusted);
    uint32_t block = find_block(&view, search, &list);
    if (block == 0)
        return 0;
    return use_block(&view, block, list, true, heap->rounds_malloc ? search.size : adjusted);
}

HL_HOT uint32_t round_up(uint32_t value, uint32_t alignment) {
    return (value + alignment - 1) & ~(alignment - 1);
}

// data + offset becomes aligned. The gap in front, if any, must be large enough to be a free block
// of its own:
//
//     | free block of gap - offset - 4 | offset … | aligned
//     ^ p                              ^ result
uint32_t hl_tlsf_memalign(struct hl_heap *heap, uint32_t alignment, uint32_t size,
                          uint32_t offset) {
    struct hl_view view = hl_view_of(heap);
    uint32_t adjusted = adjust_request(heap, size, 4);
    uint32_t aligned_offset = round_up(offset, 4);
    uint32_t least_gap = 16 + aligned_offset;
    uint32_t wanted = adjusted;
    if (adjusted != 0 && alignment > 4)
        wanted = adjust_request(heap, adjusted + alignment + least_gap - aligned_offset, alignment);
    if (wanted == 0)
        return 0;
    uint32_t list, block = find_block(&view, search_for(&view, wanted), &list);
    if (block == 0)
        return 0;

    uint32_t data = block + HL_DATA_OFFSET;
    uint32_t aligned = round_up(data, alignment);
    uint32_t gap = aligned - data;
    if ((gap != 0 && gap < least_gap) || (gap == 0 && aligned_offset != 0 && alignment > 4)) {
        uint32_t remaining = least_gap - gap;
        aligned = round_up(aligned + (remaining > alignment ? remaining : alignment), alignment);
        gap = aligned - data;
    }
    bool is_cut = gap > aligned_offset;
    if (is_cut) {
        uint32_t word = *hl_at(&view, block + 4), whole = word & ~3u;
        uint32_t lead = gap - aligned_offset - HL_HEADER_OVERHEAD,
                 rest = block + lead + HL_HEADER_OVERHEAD;
        if (whole < lead + HL_HEADER_OVERHEAD + HL_BLOCK_MIN)
            return note_short_block(block);
        if (!hl_link_is_plausible(&view, rest)) {
            hl_tlsf_note_access(heap, rest, true);
            return 0;
        }
        if (!hl_list_remove_head(&view, block, list) ||
            !hl_list_insert(&view, block, hl_list_of(&view, lead)))
            return 0;
        *hl_at(&view, block + 4) = lead | HL_BLOCK_FREE | (word & HL_BLOCK_PREVIOUS_FREE);
        *hl_at(&view, rest) = block;
        *hl_at(&view, rest + 4) =
            (whole - lead - HL_HEADER_OVERHEAD) | HL_BLOCK_FREE | HL_BLOCK_PREVIOUS_FREE;
        block = rest;
    }
    return use_block(&view, block, list, !is_cut, adjusted);
}

// The header of an absorbed block becomes data of the one before: what the search for use after
// free looks at.
HL_HOT void fill_absorbed(const struct hl_view *view, uint32_t absorbed) {
    if (__builtin_expect(view->heap->poisoning == HL_POISONING_COMPREHENSIVE, 0))
        memset(hl_at(view, absorbed), 0xfe, 16);
}

// Lists a free block of `size` bytes that is on no list, merged with its successor if that is free.
// `size` becomes the block's.
HL_HOT bool merge_next_and_insert(const struct hl_view *view, uint32_t block, uint32_t size,
                                  uint32_t next) {
    uint32_t next_word = *hl_at(view, next + 4);
    if (!(next_word & HL_BLOCK_FREE)) {
        *hl_at(view, block + 4) = size | HL_BLOCK_FREE;
        *hl_at(view, next) = block;
        *hl_at(view, next + 4) = next_word | HL_BLOCK_PREVIOUS_FREE;
        return hl_list_insert(view, block, hl_list_of(view, size));
    }
    uint32_t next_size = next_word & ~3u, after = next + next_size + HL_HEADER_OVERHEAD;
    if (__builtin_expect(!is_header(view, after) || after <= next || next_size < HL_BLOCK_MIN, 0)) {
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
    fill_absorbed(view, next);
    *hl_at(view, after) = block;
    return true;
}

HL_SLOW static uint32_t note_free(uint32_t data, uint32_t word) {
    hl_tlsf_note_assert(data,
                        word & HL_BLOCK_FREE
                            ? "tlsf_free tlsf.c:629 (!block_is_free(block) && "
                              "\"block already marked as free\")"
                            : "block_next tlsf_block_functions.h:161 (!block_is_last(block))");
    return 0;
}

HL_SLOW static uint32_t note_previous(const struct hl_heap *heap, uint32_t previous,
                                      bool is_readable) {
    if (is_readable)
        hl_tlsf_note_assert(previous + HL_DATA_OFFSET,
                            "block_merge_prev tlsf_control_functions.h:521 (block_is_free(prev) && "
                            "\"prev block is not free though marked as such\")");
    else
        hl_tlsf_note_access(heap, previous, false);
    return 0;
}

uint32_t hl_tlsf_free(struct hl_heap *heap, uint32_t data) {
    struct hl_view view = hl_view_of(heap);
    uint32_t block = data - HL_DATA_OFFSET;
    if (__builtin_expect(!is_header(&view, block), 0)) {
        hl_tlsf_note_access(heap, data - 4, false);
        return 0;
    }
    uint32_t word = *hl_at(&view, block + 4), freed = word & ~3u, size = freed;
    uint32_t next = block + size + HL_HEADER_OVERHEAD;
    if (__builtin_expect((word & HL_BLOCK_FREE) || size == 0, 0))
        return note_free(data, word);
    if (__builtin_expect(
            !is_header(&view, next) || next <= block || !hl_link_is_plausible(&view, block), 0)) {
        hl_tlsf_note_access(heap, next, true);
        return 0;
    }
    if (word & HL_BLOCK_PREVIOUS_FREE) {
        uint32_t previous = *hl_at(&view, block);
        if (__builtin_expect(!hl_link_is_plausible(&view, previous), 0))
            return note_previous(heap, previous, false);
        uint32_t previous_word = *hl_at(&view, previous + 4);
        if (__builtin_expect(!(previous_word & HL_BLOCK_FREE) || previous_word < 4, 0))
            return note_previous(heap, previous, true);
        if (!hl_list_remove(&view, previous, hl_list_of(&view, previous_word & ~3u)))
            return 0;
        fill_absorbed(&view, block);
        size += (previous_word & ~3u) + HL_HEADER_OVERHEAD;
        block = previous;
    }
    return merge_next_and_insert(&view, block, size, next) ? freed : 0;
}

uint32_t hl_tlsf_realloc(struct hl_heap *heap, uint32_t data, uint32_t size) {
    struct hl_view view = hl_view_of(heap);
    uint32_t block = data - HL_DATA_OFFSET;
    uint32_t *word = hl_word(heap, block + 4);
    uint32_t current = *word & ~3u;
    uint32_t next = hl_block_after(heap, block);
    if (__builtin_expect(next == 0, 0)) {
        hl_tlsf_note_access(heap, block + current + HL_HEADER_OVERHEAD, false);
        return 0;
    }
    if (__builtin_expect(*word & HL_BLOCK_FREE, 0)) {
        hl_tlsf_note_assert(data, "tlsf_realloc tlsf.c:680 (!block_is_free(block) && "
                                  "\"block already marked as free\")");
        return 0;
    }
    uint32_t adjusted = adjust_request(heap, size, 4);
    if (adjusted == 0)
        return 0;

    uint32_t next_word = *hl_word(heap, next + 4);
    uint32_t combined = current + (next_word & ~3u) + HL_HEADER_OVERHEAD;
    if (adjusted > current && (!(next_word & HL_BLOCK_FREE) || adjusted > combined)) {
        uint32_t moved = hl_tlsf_malloc(heap, size);
        if (moved == 0)
            return 0;
        memcpy(hl_byte(heap, moved), hl_byte(heap, data), current < size ? current : size);
        return hl_tlsf_free(heap, data) != 0 ? moved : 0;
    }
    if (adjusted > current) {
        uint32_t after = hl_block_after(heap, next);
        if (after == 0) {
            hl_tlsf_note_access(heap, next + (next_word & ~3u) + HL_HEADER_OVERHEAD, false);
            return 0;
        }
        if (!hl_list_remove(&view, next, hl_list_of(&view, next_word & ~3u)))
            return 0;
        *word += (next_word & ~3u) + HL_HEADER_OVERHEAD;
        fill_absorbed(&view, next);
        *hl_word(heap, after + 4) &= ~(uint32_t)HL_BLOCK_PREVIOUS_FREE;
        next = after;
        current = combined;
    }
    if (current >= adjusted + HL_BLOCK_MIN + HL_HEADER_OVERHEAD) {
        uint32_t rest = block + adjusted + HL_HEADER_OVERHEAD;
        *word = adjusted | (*word & 3u);
        if (!merge_next_and_insert(&view, rest, current - adjusted - HL_HEADER_OVERHEAD, next))
            return 0;
    }
    return data;
}

bool hl_tlsf_block_size(const struct hl_heap *heap, uint32_t data, uint32_t *size) {
    uint32_t block = data - HL_DATA_OFFSET;
    if (__builtin_expect(!hl_block_is_plausible(heap, block), 0)) {
        hl_tlsf_note_access(heap, data - 4, false);
        return false;
    }
    *size = hl_block_size(heap, block);
    return true;
}
