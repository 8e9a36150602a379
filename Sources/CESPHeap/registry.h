// SPDX-License-Identifier: Apache-2.0
//
// Finding a heap by its handle, which is the host address of its start. Heaps enter in
// hl_heap_create (heap_ops.h).

#ifndef HL_REGISTRY_H
#define HL_REGISTRY_H

#include "heap.h"

// The newest heap that starts there, or null.
struct hl_heap *hl_registry_find(const struct hl_chip *chip, const void *start);

// Frees every heap's record. Only when nobody uses the chip's heaps any more.
void hl_registry_clear(struct hl_chip *chip);

#endif
