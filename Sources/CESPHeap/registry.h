// SPDX-License-Identifier: Apache-2.0
//
// Finding a heap by its handle, which is the host address of its start. Heaps enter in
// hl_heap_create (heap_ops.h).

#ifndef HL_REGISTRY_H
#define HL_REGISTRY_H

#include "heap.h"

struct hl_heap *hl_registry_search(const struct hl_chip *chip, const void *start);

// The newest heap that starts there, or null.
static inline struct hl_heap *hl_registry_find(const struct hl_chip *chip, const void *start) {
    // A newer heap with this start would have taken the older one's slot. Acquire: pairs with the release in enter().
    struct hl_heap *recent =
        atomic_load_explicit(&chip->handles[hl_handle_slot((uintptr_t)start)], memory_order_acquire);
    if (__builtin_expect(recent && recent->base + recent->start == (uintptr_t)start, 1))
        return recent;
    return hl_registry_search(chip, start);
}

// Frees every heap's record. Only when nobody uses the chip's heaps any more.
void hl_registry_clear(struct hl_chip *chip);

#endif
