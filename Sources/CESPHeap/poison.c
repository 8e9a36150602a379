// SPDX-License-Identifier: Apache-2.0
//
// Writing and checking canaries and patterns. See poison.h for the layout.

#include "poison.h"

#include <string.h>

#include "port.h"
#include "tlsf.h"

uint32_t hl_poison_mark(struct hl_heap *heap, uint32_t block_data, uint32_t size) {
    uint32_t user = block_data + HL_POISON_HEAD, tail = HL_CANARY_TAIL;
    *hl_word(heap, block_data) = HL_CANARY_HEAD;
    *hl_word(heap, block_data + 4) = size;
    memcpy(hl_byte(heap, user + size), &tail, sizeof tail);
    return user;
}

// Whether [address, address + size) can be read: the recorded size may be damaged and lead
// anywhere.
static bool is_readable(const struct hl_heap *heap, uint32_t address, uint32_t size) {
    uint32_t offset = address - heap->start;
    if (offset < heap->size && size <= heap->size - offset)
        return true;
    return heap->base == heap->chip->base && hl_chip_is_mapped(heap->chip, address, size);
}

bool hl_poison_verify(struct hl_heap *heap, uint32_t user, bool print_errors) {
    uint32_t head = user - HL_POISON_HEAD;
    if ((user & 3) != 0 || !is_readable(heap, head, HL_POISON_HEAD)) {
        hl_tlsf_note_access(heap, head, false);
        return false;
    }
    uint32_t canary = *hl_word(heap, head);
    if (canary != HL_CANARY_HEAD) {
        if (print_errors)
            hl_print(heap->chip, "CORRUPT HEAP: Bad head at 0x%08x. Expected 0x%08x got 0x%08x\n",
                     head, HL_CANARY_HEAD, canary);
        return false;
    }
    uint32_t tail = user + *hl_word(heap, head + 4);
    if (!is_readable(heap, tail, 4)) {
        hl_tlsf_note_access(heap, tail & ~3u, false);
        return false;
    }
    memcpy(&canary, hl_byte(heap, tail), sizeof canary);
    if (canary != HL_CANARY_TAIL) {
        if (print_errors)
            hl_print(heap->chip, "CORRUPT HEAP: Bad tail at 0x%08x. Expected 0x%08x got 0x%08x\n",
                     tail, HL_CANARY_TAIL, canary);
        return false;
    }
    return true;
}

// Whether all `size` bytes are `byte`.
static bool is_filled(const uint8_t *bytes, uint32_t size, uint8_t byte) {
    // A region is uniform when it starts with the byte and equals itself shifted by one.
    return size == 0 || (bytes[0] == byte && memcmp(bytes, bytes + 1, size - 1) == 0);
}

// The chip goes word by word from an aligned start and byte by byte over the rest. A damaged word
// ends the replacement; a damaged byte does not, and is always reported with the first byte of the
// rest.
static bool verify_pattern(struct hl_heap *heap, uint32_t address, uint32_t size, bool print_errors,
                           bool replace) {
    uint8_t *bytes = hl_byte(heap, address);
    if (__builtin_expect(is_filled(bytes, size, HL_FILL_FREE), 1)) {
        if (replace)
            memset(bytes, HL_FILL_NEW, size);
        return true;
    }
    uint32_t done = 0;
    bool valid = true;
    if (address % 4 == 0) {
        for (; size - done >= 4; done += 4) {
            uint32_t *word = hl_word(heap, address + done);
            if (*word != 0xfefefefeu) {
                if (print_errors)
                    hl_print(heap->chip,
                             "CORRUPT HEAP: Invalid data at 0x%08x. Expected 0x%08x got 0x%08x\n",
                             address + done, 0xfefefefeu, *word);
                valid = replace = false;
            }
            if (replace)
                *word = 0xcecececeu;
        }
    }
    const uint8_t *first = bytes + done;
    for (uint32_t rest = address + done; done < size; done++) {
        if (bytes[done] != HL_FILL_FREE) {
            if (print_errors)
                hl_print(heap->chip,
                         "CORRUPT HEAP: Invalid data at 0x%08x. Expected 0x%02x got 0x%02x\n", rest,
                         HL_FILL_FREE, *first);
            valid = replace = false;
        }
        if (replace)
            bytes[done] = HL_FILL_NEW;
    }
    return valid;
}

bool hl_poison_check_new(struct hl_heap *heap, uint32_t address, uint32_t size) {
    return verify_pattern(heap, address, size, true, true);
}

static bool check_block(struct hl_heap *heap, uint32_t address, uint32_t size, bool is_free,
                        bool print_errors) {
    if (is_free)
        return heap->poisoning != HL_POISONING_COMPREHENSIVE ||
               verify_pattern(heap, address, size, print_errors, false);
    if (!heap->checks_used)
        return true;
    if (!hl_poison_verify(heap, address + HL_POISON_HEAD, print_errors))
        return false;
    uint32_t recorded = *hl_word(heap, address + 4);
    if (recorded <= size - HL_POISON_OVERHEAD)
        return true;
    if (print_errors)
        hl_print(heap->chip, "CORRUPT HEAP: Size at 0x%08x expected <=0x%08x got 0x%08x\n",
                 address + 4, size - HL_POISON_OVERHEAD, recorded);
    return false;
}

bool hl_poison_check_block_printing(struct hl_heap *heap, uint32_t address, uint32_t size,
                                    bool is_free) {
    return check_block(heap, address, size, is_free, true);
}

bool hl_poison_check_block_quietly(struct hl_heap *heap, uint32_t address, uint32_t size,
                                   bool is_free) {
    return check_block(heap, address, size, is_free, false);
}
