// SPDX-License-Identifier: Apache-2.0
//
// One heap: a region of chip memory with its control structure, and what the host knows about it.
// The control structure and the blocks lie in chip memory with the chip's 32-bit layout; parameters
// that the chip keeps there too are held here a second time, so damaged chip memory can not lead
// the host astray.
//
//     start                                                                 start + size
//     | accounting 20 | control structure | pool: block … block | sentinel |
//                                          ^ pool

#ifndef HL_HEAP_H
#define HL_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "chip.h"

// The accounting words at the region's start, as ESP-IDF's heap_t.
struct hl_accounting {
    uint32_t
        lock; // 0: callers exclude each other; this host keeps the lock itself in struct hl_heap
    uint32_t free;    // bytes
    uint32_t minimum; // least value of `free`
    uint32_t pool_size;
    uint32_t tlsf; // address of the control structure
};

enum {
    HL_ACCOUNTING_SIZE = 20,
    HL_HEADER_OVERHEAD = 4, // a used block costs its size word
    HL_BLOCK_MIN = 12,
    HL_DATA_OFFSET = 8, // from a block's header to its data
};

// Invariants (hl_heap_check):
//   free + Σ used (size + 4) == pool_size - control size
//   first_block <= any block header <= sentinel, all multiples of 4
//   small_size == 1 << first_shift == 4 << second_log2
struct hl_heap {
    // What the commonest malloc and free touch.
    uintptr_t base; // host address = base + address
    struct hl_accounting *words;
    struct hl_lock lock;
    bool is_locked; // multi_heap_set_lock was given one
    uint8_t poisoning;      // enum hl_poisoning
    uint8_t header_cost;    // of a used block, in the free bytes: HL_HEADER_OVERHEAD, or 0 in v4.4
    bool release_is_pending;
    // The last allocation and its release, see heap_ops.h. `last_data` is 0 once anything else changed the heap.
    uint32_t pending_request; // last_request while the next malloc of that size may have it back, else 0
    uint32_t last_data, last_request;
    uint32_t last_word, last_next_word; // size words of the block and of the one after it
    uint32_t last_link; // what the block's first word was as a free block: its successor in the list it came from
    uint32_t last_list; // that list if a rest was cut off, else UINT32_MAX

    // What TLSF's search and lists need.
    uint32_t *first_bitmap;   // bit f: some list of class f is not empty
    uint32_t *second_bitmaps; // word f, bit s: list (f, s) is not empty
    uint32_t *heads;          // word f << second_log2 | s: header address of the first block
    uint32_t null_block;      // address that ends every list: the control structure's first 16 bytes
    uint32_t header_span;     // (sentinel - null_block) / 4
    uint32_t link_span;       // (sentinel - 16 - null_block) / 4; a listed block is nearer than that
    uint32_t list_count;      // first_count << second_log2
    uint32_t small_size;      // blocks below are spaced 4 bytes apart
    uint8_t second_log2, first_shift, first_count;
    bool rounds_malloc;   // v5.4 and later: malloc gives the whole search class
    uint64_t request_end; // first size that can not be asked for
    uint32_t pool;        // address after the control structure

    uint32_t first_block; // header address; 0 when the region is too small for a pool
    uint32_t sentinel;    // header address of the used block of size 0 at the end
    uint32_t start, size; // the region
    uint32_t control_size;
    uint8_t idf;          // enum hl_idf
    bool checks_used;     // the heap check looks at canaries of used blocks
    struct hl_chip *chip;
};

// A heap's record has its cache lines to itself, with those that the processor fetches along: another heap's may
// be in use on another core.
enum { HL_HEAP_ALIGNMENT = 128 };

// A step of malloc and free: inlined, so that one allocation is one stretch of code. And its
// opposite.
#define HL_HOT static inline __attribute__((always_inline))
#define HL_SLOW __attribute__((noinline, cold))

static inline uint32_t *hl_word(const struct hl_heap *heap, uint32_t address) {
    return (uint32_t *)(heap->base + address);
}

static inline uint8_t *hl_byte(const struct hl_heap *heap, uint32_t address) {
    return (uint8_t *)(heap->base + address);
}

// Size of the heap's data area as first counted free.
static inline uint32_t hl_heap_capacity(const struct hl_heap *heap) {
    return heap->size - HL_ACCOUNTING_SIZE - heap->control_size;
}

// Relaxed suffices for the two figures that the chip reads without its lock: each is meaningful
// alone.
static inline uint32_t hl_free_bytes(const struct hl_heap *heap) {
    return __atomic_load_n(&heap->words->free, __ATOMIC_RELAXED);
}

static inline uint32_t hl_minimum_bytes(const struct hl_heap *heap) {
    return __atomic_load_n(&heap->words->minimum, __ATOMIC_RELAXED);
}

static inline void hl_set_free_bytes(struct hl_heap *heap, uint32_t bytes) {
    __atomic_store_n(&heap->words->free, bytes, __ATOMIC_RELAXED);
}

static inline void hl_set_minimum_bytes(struct hl_heap *heap, uint32_t bytes) {
    __atomic_store_n(&heap->words->minimum, bytes, __ATOMIC_RELAXED);
}

#endif
