// SPDX-License-Identifier: Apache-2.0
//
// Looking at one heap without changing it: figures, walks, dumps, checks; and the minimum that
// callers may reset.

#include <string.h>

#include "heap_ops.h"
#include "poison.h"
#include "port.h"
#include "tlsf.h"

static uint32_t less_poison(const struct hl_heap *heap, uint32_t bytes) {
    if (heap->poisoning == HL_POISONING_NONE)
        return bytes;
    return bytes > HL_POISON_OVERHEAD ? bytes - HL_POISON_OVERHEAD : 0;
}

void hl_heap_walk(struct hl_heap *heap, hl_block_visitor visit, void *context) {
    if (heap->first_block == 0)
        return;
    hl_heap_lock(heap);
    hl_heap_settle(heap);
    for (uint32_t block = heap->first_block; block != 0; block = hl_block_after(heap, block)) {
        uint32_t word = *hl_word(heap, block + 4);
        if ((word & ~3u) == 0 ||
            !visit(context, block + HL_DATA_OFFSET, word & ~3u, !(word & HL_BLOCK_FREE)))
            break;
        // The visitor may have allocated and released.
        hl_heap_settle(heap);
    }
    hl_heap_unlock(heap);
}

static bool count_block(void *context, uint32_t address, uint32_t size, bool is_used) {
    multi_heap_info_t *info = context;
    (void)address;
    if (is_used) {
        info->allocated_blocks++;
    } else {
        info->free_blocks++;
        if (size > info->largest_free_block)
            info->largest_free_block = size;
    }
    info->total_blocks++;
    return true;
}

void hl_heap_info(struct hl_heap *heap, multi_heap_info_t *info) {
    memset(info, 0, sizeof *info);
    hl_heap_lock(heap);
    hl_heap_walk(heap, count_block, info);
    uint32_t free_bytes = hl_free_bytes(heap), minimum = hl_minimum_bytes(heap);
    hl_heap_unlock(heap);
    uint32_t used = (uint32_t)info->allocated_blocks;
    uint32_t allocated = hl_heap_capacity(heap) - free_bytes;
    allocated -= used * heap->header_cost;
    if (heap->poisoning != HL_POISONING_NONE)
        allocated -= used * HL_POISON_OVERHEAD;
    info->total_allocated_bytes = allocated;
    info->total_free_bytes = less_poison(heap, free_bytes);
    info->minimum_free_bytes = less_poison(heap, minimum);
    info->largest_free_block =
        less_poison(heap, hl_tlsf_fit_size(heap, (uint32_t)info->largest_free_block));
}

static bool dump_block(void *context, uint32_t address, uint32_t size, bool is_used) {
    const struct hl_chip *chip = context;
    hl_print(chip, "Block 0x%08x data, size: %d bytes, Free: %s \n", address, (int)size,
             is_used ? "No" : "Yes");
    return true;
}

void hl_heap_dump(struct hl_heap *heap) {
    hl_heap_lock(heap);
    hl_print(heap->chip, "Showing data for heap: 0x%08x \n", heap->start);
    hl_heap_walk(heap, dump_block, heap->chip);
    hl_heap_unlock(heap);
}

bool hl_heap_check(struct hl_heap *heap, bool print_errors) {
    hl_heap_lock(heap);
    hl_heap_settle(heap);
    bool valid = hl_tlsf_check(heap, heap->poisoning == HL_POISONING_NONE ? NULL
                                     : print_errors ? hl_poison_check_block_printing
                                                    : hl_poison_check_block_quietly);
    hl_heap_unlock(heap);
    return valid;
}

uint32_t hl_heap_find_containing_block(struct hl_heap *heap, uint32_t address) {
    uint32_t found = 0;
    hl_heap_lock(heap);
    hl_heap_settle(heap);
    for (uint32_t block = heap->first_block; block != 0; block = hl_block_after(heap, block)) {
        uint32_t word = *hl_word(heap, block + 4), size = word & ~3u;
        if (size == 0)
            break;
        if (!(word & HL_BLOCK_FREE) && address - (block + HL_DATA_OFFSET) < size) {
            found = block + HL_DATA_OFFSET;
            break;
        }
    }
    hl_heap_unlock(heap);
    if (found == 0) {
        hl_fault_note(
            HL_FAULT_ASSERT, address,
            "assert failed: multi_heap_find_containing_block_impl multi_heap.c:459 (block_ptr)");
        return 0;
    }
    return heap->poisoning == HL_POISONING_NONE ? found : found + HL_POISON_HEAD;
}

uint32_t hl_heap_free_size(const struct hl_heap *heap) {
    return less_poison(heap, hl_free_bytes(heap));
}

uint32_t hl_heap_minimum_free_size(const struct hl_heap *heap) {
    return less_poison(heap, hl_minimum_bytes(heap));
}

uint32_t hl_heap_reset_minimum(struct hl_heap *heap) {
    hl_heap_lock(heap);
    uint32_t old = hl_minimum_bytes(heap);
    hl_set_minimum_bytes(heap, hl_free_bytes(heap));
    hl_heap_unlock(heap);
    return old;
}

void hl_heap_restore_minimum(struct hl_heap *heap, uint32_t minimum) {
    hl_heap_lock(heap);
    if (minimum < hl_minimum_bytes(heap))
        hl_set_minimum_bytes(heap, minimum);
    hl_heap_unlock(heap);
}
