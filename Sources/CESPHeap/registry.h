// SPDX-License-Identifier: Apache-2.0
//
// Finding a heap by its handle, which is the host address of its start. Heaps enter in
// hl_heap_create (heap_ops.h).

#ifndef HL_REGISTRY_H
#define HL_REGISTRY_H

#include "heap.h"

// The newest heap that starts there, or null.
static inline struct hl_heap *hl_registry_find(const struct hl_chip *chip, const void *start) {
    for (unsigned slot = hl_handle_slot((uintptr_t)start);; slot = (slot + 1) & (HL_HANDLE_SLOTS - 1)) {
        // Acquire: pairs with the release in enter().
        struct hl_heap *heap = atomic_load_explicit(&chip->handles[slot], memory_order_acquire);
        if (__builtin_expect(!heap || heap->base + heap->start == (uintptr_t)start, 1))
            return heap;
    }
}

// Frees every heap's record. Only when nobody uses the chip's heaps any more.
void hl_registry_clear(struct hl_chip *chip);

#endif
