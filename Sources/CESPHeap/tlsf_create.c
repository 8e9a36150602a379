// SPDX-License-Identifier: Apache-2.0
//
// The parameters of a heap, which follow from its size, and the empty heap. With n = size - 20:
//
//     F = number of significant bits of n            L = 3 if n <= 16384, 4 if n <= 262144, else 5
//     first_shift = L + 2    first_count = F - first_shift + 1    control = 36 + 4·first_count·(1 +
//     2^L)
//
// v4.4 has L = 5, an F that depends on the chip only, and 20 in place of 36.

#include <string.h>

#include "port.h"
#include "tlsf.h"
#include "tlsf_lists.h"

static void choose_parameters(struct hl_heap *heap, uint32_t n, uint32_t *header) {
    uint32_t bits;
    if (heap->idf == HL_IDF_4_4) {
        const struct hl_layout *layout = heap->chip->layout;
        bits =
            heap->chip->options.psram ? layout->fixed_first_level_psram : layout->fixed_first_level;
        heap->second_log2 = 5;
        *header = 20;
    } else {
        bits = hl_fls(n) + 1;
        heap->second_log2 = n <= 16384 ? 3 : n <= 262144 ? 4 : 5;
        *header = 36;
    }
    heap->first_shift = (uint8_t)(heap->second_log2 + 2);
    heap->first_count = (uint8_t)(bits - heap->first_shift + 1);
    heap->list_count = (uint32_t)heap->first_count << heap->second_log2;
    heap->small_size = 1u << heap->first_shift;
    heap->request_end = 1ull << bits;
    heap->control_size = *header + 4u * heap->first_count * (1 + (1u << heap->second_log2));
}

// The control structure's own words, as the chip has them after creation.
static void write_control(struct hl_heap *heap, uint32_t control, uint32_t header) {
    uint32_t *words = hl_word(heap, control);
    memset(words, 0, heap->control_size);
    words[2] = words[3] = control;
    if (header == 36) {
        words[4] = (uint32_t)heap->first_count | (uint32_t)heap->first_shift << 5 |
                   (hl_fls((uint32_t)(heap->request_end >> 1)) + 1) << 8 |
                   (1u << heap->second_log2) << 14 | (uint32_t)heap->second_log2 << 20 |
                   heap->small_size << 23;
        words[5] = heap->control_size;
        words[7] = control + 36;
        words[8] = control + 36 + 4u * heap->first_count;
        heap->first_bitmap = words + 6;
    } else {
        heap->first_bitmap = words + 4;
    }
    heap->second_bitmaps = words + header / 4;
    heap->heads = heap->second_bitmaps + heap->first_count;
    for (uint32_t i = 0; i < heap->list_count; i++)
        heap->heads[i] = control;
}

bool hl_tlsf_create(struct hl_heap *heap) {
    heap->rounds_malloc = heap->idf >= HL_IDF_5_4;
    heap->header_cost = heap->idf > HL_IDF_4_4 ? HL_HEADER_OVERHEAD : 0;
    heap->checks_used = heap->idf > HL_IDF_4_4;
    heap->first_block = 0;
    if (heap->size < HL_ACCOUNTING_SIZE)
        return false;
    uint32_t n = heap->size - HL_ACCOUNTING_SIZE, control = heap->start + HL_ACCOUNTING_SIZE,
             header;
    if (heap->start % 4 != 0) {
        hl_print(heap->chip, "tlsf_create: Memory must be aligned to 4 bytes.\n");
        return false;
    }
    if (n < 36)
        return false;
    choose_parameters(heap, n, &header);
    if (n < heap->control_size + HL_BLOCK_MIN)
        return false;
    heap->null_block = control;
    heap->header_span = heap->link_span = 0;
    heap->pool = control + heap->control_size;
    heap->words = (struct hl_accounting *)hl_word(heap, heap->start);
    write_control(heap, control, header);
    *heap->words = (struct hl_accounting){.free = n - heap->control_size,
                                          .minimum = n - heap->control_size,
                                          .pool_size = n,
                                          .tlsf = control};

    uint32_t available = (n - heap->control_size - 8) & ~3u;
    if (available < HL_BLOCK_MIN || available > heap->request_end) {
        heap->list_count = 0;
        hl_print(heap->chip, "tlsf_add_pool: Memory size must be between %u and %u bytes. \n", 20u,
                 (unsigned)(heap->request_end + 8));
        return true;
    }
    heap->first_block = heap->pool - 4;
    heap->sentinel = heap->first_block + available + HL_HEADER_OVERHEAD;
    heap->header_span = (heap->sentinel - heap->null_block) / 4;
    heap->link_span = (heap->sentinel - 16 - heap->null_block) / 4;
    *hl_word(heap, heap->first_block + 4) = available | HL_BLOCK_FREE;
    *hl_word(heap, heap->sentinel) = heap->first_block;
    *hl_word(heap, heap->sentinel + 4) = HL_BLOCK_PREVIOUS_FREE;
    struct hl_view view = hl_view_of(heap);
    return hl_list_insert(&view, heap->first_block, hl_list_of(&view, available));
}
