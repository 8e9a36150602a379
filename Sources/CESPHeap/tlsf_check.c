// SPDX-License-Identifier: Apache-2.0
//
// Whether a heap's lists, bitmaps and blocks agree, judged as the chip judges it but safe against
// any damage; and the fault for addresses that lead nowhere.

#include "port.h"
#include "tlsf.h"
#include "tlsf_lists.h"

void hl_tlsf_note_access(const struct hl_heap *heap, uint32_t address, bool is_store) {
    const struct hl_chip *chip = heap->chip;
    bool xtensa = chip->layout->is_xtensa;
    const char *cause = (address & 3) != 0 ? (xtensa     ? "LoadStoreAlignment"
                                              : is_store ? "Store address misaligned"
                                                         : "Load address misaligned")
                        : xtensa ? (is_store ? "StoreProhibited" : "LoadProhibited")
                                 : (is_store ? "Store access fault" : "Load access fault");
    hl_fault_note(HL_FAULT_ACCESS, address,
                  "Guru Meditation Error: Core %2u panic'ed (%s). Exception was unhandled.",
                  chip->port.core_id(chip->port.context), cause);
}

void hl_tlsf_note_assert(uint32_t address, const char *text) {
    hl_fault_note(HL_FAULT_ASSERT, address, "assert failed: %s", text);
}

void hl_tlsf_note_links(const struct hl_heap *heap, uint32_t block, uint32_t next,
                        uint32_t previous) {
    if (previous == 0)
        hl_tlsf_note_assert(block + HL_DATA_OFFSET,
                            "remove_free_block tlsf_control_functions.h:372 "
                            "(prev && \"prev_free field can not be null\")");
    else if (next == 0)
        hl_tlsf_note_assert(block + HL_DATA_OFFSET,
                            "remove_free_block tlsf_control_functions.h:373 "
                            "(next && \"next_free field can not be null\")");
    else
        hl_tlsf_note_access(
            heap, hl_is_word_within(next, heap->null_block, heap->link_span) ? previous : next,
            true);
}

uint32_t hl_tlsf_fit_size(const struct hl_heap *heap, uint32_t size) {
    if (size == 0)
        return 0;
    // Before v5.3 small sizes were treated like large ones, which loses those below 2^second_log2.
    if (heap->idf < HL_IDF_5_3)
        return size & ~(((1u << hl_fls(size)) >> heap->second_log2) - 1);
    if (size < heap->small_size)
        return size < HL_BLOCK_MIN ? HL_BLOCK_MIN : size;
    return size & ~((1u << (hl_fls(size) - heap->second_log2)) - 1);
}

static bool list_agrees(struct hl_heap *heap, uint32_t first, uint32_t second) {
    struct hl_view view = hl_view_of(heap);
    bool good = true;
    uint32_t head = heap->heads[(first << heap->second_log2) + second];
    bool first_bit = *heap->first_bitmap >> first & 1,
         second_bit = heap->second_bitmaps[first] >> second & 1;
    if (!first_bit && second_bit)
        good = false;
    if (!second_bit)
        return good && head == heap->null_block;
    if (head == heap->null_block)
        good = false;
    // No list is longer than the heap has room for blocks: a longer one is a loop.
    uint32_t room = (heap->sentinel - heap->first_block) / (HL_BLOCK_MIN + HL_HEADER_OVERHEAD) + 1;
    for (uint32_t block = head; block != heap->null_block; block = *hl_word(heap, block + 8)) {
        if (!hl_link_is_plausible(&view, block) || room-- == 0)
            return false;
        uint32_t word = *hl_word(heap, block + 4), next = hl_block_after(heap, block);
        if (next == 0)
            return false;
        uint32_t next_word = *hl_word(heap, next + 4);
        if (!(word & HL_BLOCK_FREE) || (word & HL_BLOCK_PREVIOUS_FREE) ||
            (next_word & HL_BLOCK_FREE) || !(next_word & HL_BLOCK_PREVIOUS_FREE) ||
            (word & ~3u) < HL_BLOCK_MIN)
            good = false;
        if ((word & ~3u) == 0)
            continue;
        if (hl_list_of(&view, word & ~3u) != (first << heap->second_log2) + second)
            good = false;
    }
    return good;
}

bool hl_tlsf_check(struct hl_heap *heap, hl_block_check check_block) {
    if (heap->first_block == 0)
        return true;
    bool good = true;
    for (uint32_t first = 0; first < heap->first_count; first++)
        for (uint32_t second = 0; second < 1u << heap->second_log2; second++)
            good &= list_agrees(heap, first, second);

    bool previous_free = false;
    for (uint32_t block = heap->first_block;;) {
        uint32_t word = *hl_word(heap, block + 4), size = word & ~3u;
        if (size == 0)
            return good && block == heap->sentinel;
        uint32_t next = hl_block_after(heap, block);
        if (next == 0)
            return false;
        bool is_free = word & HL_BLOCK_FREE;
        if (previous_free != ((word & HL_BLOCK_PREVIOUS_FREE) != 0))
            good = false;
        if (check_block) {
            // Of a free block, the list words and the next block's `previous physical` are not the
            // user's.
            uint32_t address = block + (is_free ? 16 : HL_DATA_OFFSET);
            uint32_t length = is_free ? size - 12 : size;
            if (is_free && size < 12)
                return false;
            good &= check_block(heap, address, length, is_free);
        }
        previous_free = is_free;
        block = next;
    }
}
