// SPDX-License-Identifier: Apache-2.0
//
// The invariants of heap.h, tested to the last word: stricter than the chip's own check, which
// knows nothing of the accounting and does not count. For tests and for programs that doubt us.

#include <inttypes.h>
#include <stdio.h>

#include "caps.h"
#include "heap_ops.h"
#include "port.h"
#include "tlsf.h"
#include "tlsf_lists.h"

struct count {
    uint32_t used_blocks, free_blocks, used_bytes, free_bytes, last_end;
    bool previous_free, adjacent_free, gap;
};

static bool count_block(void *context, uint32_t address, uint32_t size, bool is_used) {
    struct count *count = context;
    count->gap |= address != count->last_end + HL_HEADER_OVERHEAD;
    count->adjacent_free |= count->previous_free && !is_used;
    count->previous_free = !is_used;
    count->last_end = address + size;
    if (is_used) {
        count->used_blocks++;
        count->used_bytes += size;
    } else {
        count->free_blocks++;
        count->free_bytes += size;
    }
    return true;
}

// Number of blocks on all lists, or UINT32_MAX when a link does not lead back.
static uint32_t listed_blocks(struct hl_heap *heap, uint32_t most) {
    struct hl_view view = hl_view_of(heap);
    uint32_t count = 0;
    for (uint32_t list = 0; list < heap->list_count; list++) {
        uint32_t previous = heap->null_block;
        for (uint32_t block = heap->heads[list]; block != heap->null_block;
             block = *hl_word(heap, block + 8)) {
            if (!hl_link_is_plausible(&view, block) || *hl_word(heap, block + 12) != previous ||
                count++ > most)
                return UINT32_MAX;
            previous = block;
        }
    }
    return count;
}

static const char *damage(struct hl_heap *heap) {
    struct count count = {.last_end = heap->pool};
    if (heap->first_block == 0)
        return NULL;
    if (!hl_heap_check(heap, false))
        return "the chip's own check fails";
    hl_heap_walk(heap, count_block, &count);
    if (count.gap)
        return "blocks do not follow each other";
    if (count.last_end != heap->sentinel + HL_HEADER_OVERHEAD)
        return "the last block does not end at the sentinel";
    if (count.adjacent_free)
        return "two free blocks are adjacent";
    if (listed_blocks(heap, count.free_blocks) != count.free_blocks)
        return "the lists do not hold the free blocks exactly once";
    uint32_t overhead = heap->header_cost;
    if (hl_free_bytes(heap) + count.used_bytes + overhead * count.used_blocks !=
        hl_heap_capacity(heap))
        return "free and used bytes do not add up";
    if (hl_minimum_bytes(heap) > hl_free_bytes(heap))
        return "the minimum is above the free bytes";
    return NULL;
}

bool hl_chip_is_sound(struct hl_chip *chip, char *reason, size_t size) {
    uint32_t count = atomic_load_explicit(&chip->registry_count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++) {
        struct hl_heap *heap = chip->registry[i];
        hl_heap_lock(heap);
        const char *text = damage(heap);
        hl_heap_unlock(heap);
        if (text) {
            if (size != 0)
                snprintf(reason, size, "heap 0x%08" PRIx32 ": %s", heap->start, text);
            return false;
        }
    }
    return true;
}
