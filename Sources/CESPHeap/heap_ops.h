// SPDX-License-Identifier: Apache-2.0
//
// The operations of one heap, by chip address: multi_heap as the other files call it. Canaries,
// accounting and the heap's lock are handled here; tlsf.h is below, multi_heap.h (host pointers,
// handles) and heap_caps above. Addresses given and returned are the user's; 0 is null or failure.
// A failure may come with a fault noted (port.h).

#ifndef HL_HEAP_OPS_H
#define HL_HEAP_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "heap.h"
#include "multi_heap.h"

// Makes a heap of chip memory; the result is entered in the chip's registry. Null when the region
// is too small.
struct hl_heap *hl_heap_create(struct hl_chip *chip, uintptr_t base, uint32_t start, uint32_t size);

// heap_hot.h has these two with a shorter way inlined.
uint32_t hl_heap_malloc(struct hl_heap *heap, uint32_t size);
uint32_t hl_heap_aligned_alloc(struct hl_heap *heap, uint32_t size, uint32_t alignment,
                               uint32_t offset);
uint32_t hl_heap_realloc(struct hl_heap *heap, uint32_t data, uint32_t size);
bool hl_heap_free(struct hl_heap *heap, uint32_t data);
// The same with the heap's lock held, which they leave.
uint32_t hl_heap_malloc_inside(struct hl_heap *heap, uint32_t size);
bool hl_heap_free_inside(struct hl_heap *heap, uint32_t data);

// 0 with a fault noted when the canaries are damaged.
uint32_t hl_heap_allocated_size(struct hl_heap *heap, uint32_t data);
uint32_t hl_heap_full_block_size(struct hl_heap *heap, uint32_t data);
uint32_t hl_heap_find_containing_block(struct hl_heap *heap, uint32_t address);

bool hl_heap_check(struct hl_heap *heap, bool print_errors);
void hl_heap_dump(struct hl_heap *heap);
void hl_heap_info(struct hl_heap *heap, multi_heap_info_t *info);
uint32_t hl_heap_free_size(const struct hl_heap *heap);
uint32_t hl_heap_minimum_free_size(const struct hl_heap *heap);
uint32_t hl_heap_reset_minimum(struct hl_heap *heap);
void hl_heap_restore_minimum(struct hl_heap *heap, uint32_t minimum);

// Visits raw blocks in address order, the heap locked, until the visitor returns false.
typedef bool (*hl_block_visitor)(void *context, uint32_t address, uint32_t size, bool is_used);
void hl_heap_walk(struct hl_heap *heap, hl_block_visitor visit, void *context);

// Carries out a release that was put off. Whoever looks at blocks or lists, or at freed memory,
// does this first, locked.
bool hl_heap_release_pending(struct hl_heap *heap);
static inline bool hl_heap_settle(struct hl_heap *heap) {
    return __builtin_expect(!heap->release_is_pending, 1) || hl_heap_release_pending(heap);
}

static inline void hl_heap_lock(struct hl_heap *heap) {
    if (heap->is_locked)
        hl_lock_acquire(&heap->lock, &heap->chip->port);
}

static inline void hl_heap_unlock(struct hl_heap *heap) {
    if (heap->is_locked)
        hl_lock_release(&heap->lock);
}

#endif
