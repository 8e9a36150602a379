// SPDX-License-Identifier: Apache-2.0
//
// Two-level segregated fit (Masmano, Ripoll, Crespo, Real: "TLSF: a new dynamic memory allocator
// for real-time systems", 2004) over 32-bit chip addresses, with ESP-IDF's parameters and its rules
// for each generation. No locks, no accounting, no canaries: that is multi_heap_*.c. Sizes and
// addresses are data sizes and data addresses; 0 is failure.
//
// A block:   header    { previous physical, size, next free, previous free }, 4 bytes each
//            data      = header + 8; the free-list words lie in the data of a free block
//            size      bit 0: free, bit 1: the previous block is free; multiple of 4 otherwise
//            `previous physical` is the last word of the previous block's data, valid while that
//            block is free.

#ifndef HL_TLSF_H
#define HL_TLSF_H

#include <stdbool.h>
#include <stdint.h>

#include "heap.h"

enum { HL_BLOCK_FREE = 1, HL_BLOCK_PREVIOUS_FREE = 2 };

// Computes the parameters for a region and builds the empty heap. Needs base, start, size, idf,
// chip. False when the region is too small.
bool hl_tlsf_create(struct hl_heap *heap);

uint32_t hl_tlsf_malloc(struct hl_heap *heap, uint32_t size);
uint32_t hl_tlsf_memalign(struct hl_heap *heap, uint32_t alignment, uint32_t size, uint32_t offset);
// The size of the block; 0 when it can not be freed, with a fault noted.
uint32_t hl_tlsf_free(struct hl_heap *heap, uint32_t data);
// As the chip's, `data` not 0 and `size` not 0.
uint32_t hl_tlsf_realloc(struct hl_heap *heap, uint32_t data, uint32_t size);

// The largest request that a free block of this size can serve for certain.
uint32_t hl_tlsf_fit_size(const struct hl_heap *heap, uint32_t size);

// Whether lists, bitmaps and blocks agree. Calls `check_block` (may be null) on each block, as the
// chip does.
typedef bool (*hl_block_check)(struct hl_heap *heap, uint32_t address, uint32_t size, bool is_free);
bool hl_tlsf_check(struct hl_heap *heap, hl_block_check check_block);

// Notes the fault of an access to memory that is not there.
HL_SLOW void hl_tlsf_note_access(const struct hl_heap *heap, uint32_t address, bool is_store);
// As above for a listed block whose links are damaged, and for an assertion about one.
HL_SLOW void hl_tlsf_note_links(const struct hl_heap *heap, uint32_t block, uint32_t next,
                                uint32_t previous);
HL_SLOW void hl_tlsf_note_assert(uint32_t address, const char *text);

static inline uint32_t hl_block_size(const struct hl_heap *heap, uint32_t header) {
    return *hl_word(heap, header + 4) & ~(uint32_t)3;
}

// Whether an address is a multiple of 4 in [null_block, null_block + 4 · span]: the rotation moves
// the bits that must be 0 to the top, so one comparison tests both.
static inline bool hl_is_word_within(uint32_t address, uint32_t null_block, uint32_t span) {
    return __builtin_rotateright32(address - null_block, 2) <= span;
}

// Whether a header may be read at this address.
static inline bool hl_block_is_plausible(const struct hl_heap *heap, uint32_t header) {
    return hl_is_word_within(header, heap->null_block, heap->header_span);
}

// Size of the block with this data address; checked.
bool hl_tlsf_block_size(const struct hl_heap *heap, uint32_t data, uint32_t *size);

// Header of the block after this one, or 0 when the size is implausible.
static inline uint32_t hl_block_after(const struct hl_heap *heap, uint32_t header) {
    uint32_t next = header + hl_block_size(heap, header) + HL_HEADER_OVERHEAD;
    return next > header && hl_block_is_plausible(heap, next) ? next : 0;
}

#endif
