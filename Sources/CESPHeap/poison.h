// SPDX-License-Identifier: Apache-2.0
//
// Canaries around blocks and patterns in memory (CONFIG_HEAP_POISONING_…).
//
//     block data | canary abba1234 | requested size | user data … | baad5678 | slack
//                                                   ^ user         ^ user + requested size,
//                                                   unaligned perhaps
//
// Comprehensive poisoning also fills free memory with fe and new memory with ce.

#ifndef HL_POISON_H
#define HL_POISON_H

#include <stdbool.h>
#include <stdint.h>

#include "heap.h"

enum {
    HL_POISON_HEAD = 8,
    HL_POISON_OVERHEAD = 12,
    HL_FILL_FREE = 0xfe,
    HL_FILL_NEW = 0xce,
};
#define HL_CANARY_HEAD 0xabba1234u
#define HL_CANARY_TAIL 0xbaad5678u

// Writes the canaries into a block; returns the user address.
uint32_t hl_poison_mark(struct hl_heap *heap, uint32_t block_data, uint32_t size);

// Checks the canaries of user data; prints what is wrong if asked. A fault is noted only when an
// access is impossible.
bool hl_poison_verify(struct hl_heap *heap, uint32_t user, bool print_errors);

// Comprehensive: new memory must be all `fe` and becomes `ce`.
bool hl_poison_check_new(struct hl_heap *heap, uint32_t address, uint32_t size);

// Checks one block for the heap check, printing errors.
bool hl_poison_check_block_printing(struct hl_heap *heap, uint32_t address, uint32_t size,
                                    bool is_free);
bool hl_poison_check_block_quietly(struct hl_heap *heap, uint32_t address, uint32_t size,
                                   bool is_free);

#endif
