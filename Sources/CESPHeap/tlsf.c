// SPDX-License-Identifier: Apache-2.0
//
// Aligned allocation and resizing, and the faults of all operations; malloc and free are in tlsf_hot.h. Each function
// reads top to bottom as the rule it implements; see tlsf.h for the layout and tlsf_lists.h for the lists.

#include "tlsf.h"

#include <string.h>

#include "tlsf_hot.h"

HL_SLOW uint32_t hl_tlsf_note_short_block(uint32_t block) {
    hl_tlsf_note_assert(
        block + HL_DATA_OFFSET,
        "block_locate_free tlsf_control_functions.h:618 (block_size(block) >= *size)");
    return 0;
}

HL_SLOW uint32_t hl_tlsf_note_empty_map(const struct hl_heap *heap) {
    hl_tlsf_note_assert(heap->start,
                        "search_suitable_block tlsf_control_functions.h:359 "
                        "(sl_map && \"internal error - second level bitmap is null\")");
    return UINT32_MAX;
}

HL_SLOW uint32_t hl_tlsf_note_previous(const struct hl_heap *heap, uint32_t previous, bool is_readable) {
    if (is_readable)
        hl_tlsf_note_assert(previous + HL_DATA_OFFSET,
                            "block_merge_prev tlsf_control_functions.h:521 (block_is_free(prev) && "
                            "\"prev block is not free though marked as such\")");
    else
        hl_tlsf_note_access(heap, previous, false);
    return 0;
}

// In the order in which the chip would meet them.
HL_SLOW uint32_t hl_tlsf_note_free(const struct hl_heap *heap, uint32_t data) {
    struct hl_view view = hl_view_of(heap);
    uint32_t block = data - HL_DATA_OFFSET;
    if (!hl_is_header(&view, block)) {
        hl_tlsf_note_access(heap, data - 4, false);
        return 0;
    }
    uint32_t word = *hl_at(&view, block + 4);
    if (word & HL_BLOCK_FREE)
        hl_tlsf_note_assert(data, "tlsf_free tlsf.c:629 (!block_is_free(block) && "
                                  "\"block already marked as free\")");
    else if ((word & ~3u) == 0)
        hl_tlsf_note_assert(data, "block_next tlsf_block_functions.h:161 (!block_is_last(block))");
    else
        hl_tlsf_note_access(heap, block + (word & ~3u) + HL_HEADER_OVERHEAD, true);
    return 0;
}

uint32_t hl_tlsf_malloc(struct hl_heap *heap, uint32_t size) {
    return size == 0 ? 0 : hl_tlsf_take(heap, size).data;
}

uint32_t hl_tlsf_free(struct hl_heap *heap, uint32_t data) {
    return hl_tlsf_release(heap, data);
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
    uint32_t adjusted = size == 0 ? 0 : hl_adjust_request(heap, size, 4);
    uint32_t aligned_offset = round_up(offset, 4);
    uint32_t least_gap = 16 + aligned_offset;
    uint32_t wanted = adjusted;
    if (adjusted != 0 && alignment > 4) {
        uint32_t sum = adjusted + alignment + least_gap - aligned_offset; // wraps, as above
        wanted = sum == 0 ? 0 : hl_adjust_request(heap, sum, alignment);
    }
    if (wanted == 0)
        return 0;
    uint32_t list, block = hl_find_block(&view, hl_search_for(&view, wanted), &list);
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
            return hl_tlsf_note_short_block(block);
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
    return hl_use_block(&view, block, list, !is_cut, adjusted).data;
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
    uint32_t adjusted = size == 0 ? 0 : hl_adjust_request(heap, size, 4);
    if (adjusted == 0)
        return 0;
    if (__builtin_expect(*word & HL_BLOCK_FREE, 0)) {
        hl_tlsf_note_assert(data, "tlsf_realloc tlsf.c:680 (!block_is_free(block) && "
                                  "\"block already marked as free\")");
        return 0;
    }

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
        hl_fill_absorbed(&view, next);
        *hl_word(heap, after + 4) &= ~(uint32_t)HL_BLOCK_PREVIOUS_FREE;
        next = after;
        current = combined;
    }
    if (current >= adjusted + HL_BLOCK_MIN + HL_HEADER_OVERHEAD) {
        uint32_t rest = block + adjusted + HL_HEADER_OVERHEAD;
        *word = adjusted | (*word & 3u);
        if (!hl_merge_next_and_insert(&view, rest, current - adjusted - HL_HEADER_OVERHEAD, next))
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
