// SPDX-License-Identifier: Apache-2.0
//
// Allocation, release and resizing. Each public function reads top to bottom as the rule it implements; see tlsf.h for
// the layout and tlsf_lists.h for the lists.
//
// Cost of malloc or free: a bounded number of word accesses, whatever the heap's size or state.

#include "tlsf.h"

#include <string.h>

#include "tlsf_lists.h"

// size up to a multiple of alignment, 0 when it can not be had; wraps at 2^32 as on the chip.
static inline uint32_t adjust_request(const struct hl_heap *heap, uint32_t size, uint32_t alignment) {
    if (size == 0)
        return 0;
    uint32_t aligned = (size + alignment - 1) & ~(alignment - 1);
    if (aligned >= heap->request_end)
        return 0;
    return aligned < HL_BLOCK_MIN ? HL_BLOCK_MIN : aligned;
}

// The size whose class holds only blocks that are large enough.
static inline uint32_t search_size(const struct hl_heap *heap, uint32_t size) {
    if (size < heap->small_size)
        return size;
    uint32_t step = 1u << (hl_fls(size) - heap->second_log2);
    return (size + step - 1) & ~(step - 1);
}

static bool note_short_block(uint32_t block) {
    hl_fault_note(HL_FAULT_ASSERT, block + HL_DATA_OFFSET,
                  "assert failed: block_locate_free tlsf_control_functions.h:618 (block_size(block) >= *size)");
    return false;
}

// Unlinks a free block of at least `searched` bytes; 0 when there is none.
static inline uint32_t take_block(struct hl_heap *heap, uint32_t searched) {
    if (heap->first_block == 0)
        return 0;
    struct hl_class c = hl_class_of(heap, searched);
    if (c.first >= heap->first_count)
        return 0;
    uint32_t map = heap->second_bitmaps[c.first] & (~0u << c.second);
    if (map == 0) {
        uint32_t first_map = c.first >= 31 ? 0 : *heap->first_bitmap & (~0u << (c.first + 1));
        if (first_map == 0)
            return 0;
        c.first = (uint32_t)__builtin_ctz(first_map);
        if (__builtin_expect(c.first >= heap->first_count || heap->second_bitmaps[c.first] == 0, 0)) {
            hl_fault_note(HL_FAULT_ASSERT, heap->start,
                          "assert failed: search_suitable_block tlsf_control_functions.h:359 "
                          "(sl_map && \"internal error - second level bitmap is null\")");
            return 0;
        }
        map = heap->second_bitmaps[c.first];
    }
    c.second = (uint32_t)__builtin_ctz(map);
    if (__builtin_expect(c.second >> heap->second_log2 != 0, 0)) {
        hl_tlsf_note_access(heap, heap->start, false);
        return 0;
    }
    uint32_t block = heap->heads[(c.first << heap->second_log2) + c.second];
    if (__builtin_expect(block - heap->first_block > heap->list_span || (block & 3) != 0, 0)) {
        hl_tlsf_note_access(heap, block, false);
        return 0;
    }
    if (__builtin_expect(hl_block_size(heap, block) < searched, 0)) {
        note_short_block(block);
        return 0;
    }
    return hl_list_remove(heap, block, c) ? block : 0;
}

// Marks a block used and gives what is left beyond `size` back. Returns the data address, 0 with a fault noted.
static inline uint32_t prepare_used(struct hl_heap *heap, uint32_t block, uint32_t size) {
    uint32_t *word = hl_word(heap, block + 4);
    uint32_t whole = *word & ~3u;
    uint32_t next = block + whole + HL_HEADER_OVERHEAD;
    if (__builtin_expect(next <= block || !hl_block_is_plausible(heap, next), 0)) {
        hl_tlsf_note_access(heap, next, true);
        return 0;
    }
    if (whole >= size + HL_BLOCK_MIN + HL_HEADER_OVERHEAD) {
        uint32_t rest = block + size + HL_HEADER_OVERHEAD;
        uint32_t rest_size = whole - size - HL_HEADER_OVERHEAD;
        *word = size | (*word & HL_BLOCK_PREVIOUS_FREE);
        *hl_word(heap, rest + 4) = rest_size | HL_BLOCK_FREE;
        *hl_word(heap, next) = rest;
        *hl_word(heap, next + 4) |= HL_BLOCK_PREVIOUS_FREE;
        if (__builtin_expect(!hl_list_insert(heap, rest, rest_size), 0))
            return 0;
    } else {
        *word &= ~(uint32_t)HL_BLOCK_FREE;
        *hl_word(heap, next + 4) &= ~(uint32_t)HL_BLOCK_PREVIOUS_FREE;
    }
    return block + HL_DATA_OFFSET;
}

uint32_t hl_tlsf_malloc(struct hl_heap *heap, uint32_t size) {
    uint32_t adjusted = adjust_request(heap, size, 4);
    if (adjusted == 0)
        return 0;
    uint32_t searched = search_size(heap, adjusted);
    uint32_t block = take_block(heap, searched);
    if (block == 0)
        return 0;
    return prepare_used(heap, block, heap->rounds_malloc ? searched : adjusted);
}

static inline uint32_t round_up(uint32_t value, uint32_t alignment) {
    return (value + alignment - 1) & ~(alignment - 1);
}

// data + offset becomes aligned. The gap in front, if any, must be large enough to be a free block of its own:
//
//     | free block of gap - offset - 4 | offset … | aligned
//     ^ p                              ^ result
uint32_t hl_tlsf_memalign(struct hl_heap *heap, uint32_t alignment, uint32_t size, uint32_t offset) {
    uint32_t adjusted = adjust_request(heap, size, 4);
    uint32_t aligned_offset = round_up(offset, 4);
    uint32_t least_gap = 16 + aligned_offset;
    uint32_t wanted = adjusted;
    if (adjusted != 0 && alignment > 4)
        wanted = adjust_request(heap, adjusted + alignment + least_gap - aligned_offset, alignment);
    if (wanted == 0)
        return 0;
    uint32_t block = take_block(heap, search_size(heap, wanted));
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
    if (gap > aligned_offset) {
        uint32_t *word = hl_word(heap, block + 4);
        uint32_t whole = *word & ~3u, lead = gap - aligned_offset - HL_HEADER_OVERHEAD;
        if (whole < lead + HL_HEADER_OVERHEAD + HL_BLOCK_MIN) {
            note_short_block(block);
            return 0;
        }
        uint32_t rest = block + lead + HL_HEADER_OVERHEAD;
        *word = lead | HL_BLOCK_FREE | (*word & HL_BLOCK_PREVIOUS_FREE);
        *hl_word(heap, rest) = block;
        *hl_word(heap, rest + 4) = (whole - lead - HL_HEADER_OVERHEAD) | HL_BLOCK_FREE | HL_BLOCK_PREVIOUS_FREE;
        if (!hl_list_insert(heap, block, lead))
            return 0;
        block = rest;
    }
    return prepare_used(heap, block, adjusted);
}

// The second block's header becomes data of the first: what use after free looks for.
static inline void absorb(struct hl_heap *heap, uint32_t block, uint32_t absorbed) {
    *hl_word(heap, block + 4) += hl_block_size(heap, absorbed) + HL_HEADER_OVERHEAD;
    if (heap->poisoning == HL_POISONING_COMPREHENSIVE)
        memset(hl_byte(heap, absorbed), 0xfe, 16);
}

// Merges a free block with a free successor and lists the result.
static bool merge_next_and_insert(struct hl_heap *heap, uint32_t block, uint32_t next) {
    uint32_t size = hl_block_size(heap, next);
    if (*hl_word(heap, next + 4) & HL_BLOCK_FREE) {
        uint32_t after = next + size + HL_HEADER_OVERHEAD;
        if (__builtin_expect(after <= next || !hl_block_is_plausible(heap, after) || size == 0, 0)) {
            hl_tlsf_note_access(heap, after, true);
            return false;
        }
        if (!hl_list_remove(heap, next, hl_class_of(heap, size)))
            return false;
        absorb(heap, block, next);
        *hl_word(heap, after) = block;
        next = after;
    }
    (void)next;
    return hl_list_insert(heap, block, hl_block_size(heap, block));
}

bool hl_tlsf_free(struct hl_heap *heap, uint32_t data) {
    uint32_t block = data - HL_DATA_OFFSET;
    if (__builtin_expect(!hl_block_is_plausible(heap, block), 0)) {
        hl_tlsf_note_access(heap, data - 4, false);
        return false;
    }
    uint32_t *word = hl_word(heap, block + 4);
    if (__builtin_expect(*word & HL_BLOCK_FREE, 0)) {
        hl_fault_note(HL_FAULT_ASSERT, data,
                      "assert failed: tlsf_free tlsf.c:629 (!block_is_free(block) && "
                      "\"block already marked as free\")");
        return false;
    }
    uint32_t next = block + (*word & ~3u) + HL_HEADER_OVERHEAD;
    if (__builtin_expect(next <= block || !hl_block_is_plausible(heap, next), 0)) {
        hl_tlsf_note_access(heap, next, true);
        return false;
    }
    *word |= HL_BLOCK_FREE;
    *hl_word(heap, next) = block;
    *hl_word(heap, next + 4) |= HL_BLOCK_PREVIOUS_FREE;

    if (*word & HL_BLOCK_PREVIOUS_FREE) {
        uint32_t previous = *hl_word(heap, block);
        if (__builtin_expect(previous - heap->first_block > heap->list_span || (previous & 3) != 0, 0)) {
            hl_tlsf_note_access(heap, previous, false);
            return false;
        }
        uint32_t previous_size = *hl_word(heap, previous + 4);
        if (__builtin_expect(!(previous_size & HL_BLOCK_FREE) || previous_size < 4, 0)) {
            hl_fault_note(HL_FAULT_ASSERT, previous + HL_DATA_OFFSET,
                          "assert failed: block_merge_prev tlsf_control_functions.h:521 (block_is_free(prev) && "
                          "\"prev block is not free though marked as such\")");
            return false;
        }
        if (!hl_list_remove(heap, previous, hl_class_of(heap, previous_size & ~3u)))
            return false;
        absorb(heap, previous, block);
        block = previous;
        *hl_word(heap, next) = block;
    }
    return merge_next_and_insert(heap, block, next);
}

uint32_t hl_tlsf_realloc(struct hl_heap *heap, uint32_t data, uint32_t size) {
    uint32_t block = data - HL_DATA_OFFSET;
    uint32_t *word = hl_word(heap, block + 4);
    uint32_t current = *word & ~3u;
    uint32_t next = hl_block_after(heap, block);
    if (__builtin_expect(next == 0, 0)) {
        hl_tlsf_note_access(heap, block + current + HL_HEADER_OVERHEAD, false);
        return 0;
    }
    if (__builtin_expect(*word & HL_BLOCK_FREE, 0)) {
        hl_fault_note(HL_FAULT_ASSERT, data,
                      "assert failed: tlsf_realloc tlsf.c:680 (!block_is_free(block) && "
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
        return hl_tlsf_free(heap, data) ? moved : 0;
    }
    if (adjusted > current) {
        uint32_t after = hl_block_after(heap, next);
        if (after == 0) {
            hl_tlsf_note_access(heap, next + (next_word & ~3u) + HL_HEADER_OVERHEAD, false);
            return 0;
        }
        if (!hl_list_remove(heap, next, hl_class_of(heap, next_word & ~3u)))
            return 0;
        absorb(heap, block, next);
        *hl_word(heap, after + 4) &= ~(uint32_t)HL_BLOCK_PREVIOUS_FREE;
        next = after;
        current = combined;
    }
    if (current >= adjusted + HL_BLOCK_MIN + HL_HEADER_OVERHEAD) {
        uint32_t rest = block + adjusted + HL_HEADER_OVERHEAD;
        *word = adjusted | (*word & 3u);
        *hl_word(heap, rest + 4) = (current - adjusted - HL_HEADER_OVERHEAD) | HL_BLOCK_FREE;
        *hl_word(heap, next) = rest;
        *hl_word(heap, next + 4) |= HL_BLOCK_PREVIOUS_FREE;
        if (!merge_next_and_insert(heap, rest, next))
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
