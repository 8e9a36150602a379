// SPDX-License-Identifier: Apache-2.0
//
// The heaps of a chip, by their handles. A heap is made once and stays until the chip goes: ESP-IDF
// has no way to take a heap back. Registering the same start again replaces the older heap.

#include "registry.h"

#include <stdlib.h>

#include "heap_ops.h"
#include "poison.h"
#include "tlsf.h"

#include <string.h>

static void fill_region(struct hl_heap *heap) {
    if (heap->poisoning == HL_POISONING_COMPREHENSIVE && heap->size != 0)
        memset(hl_byte(heap, heap->start), HL_FILL_FREE, heap->size);
}

// Relaxed: writers hold the registry lock. The releases publish the heap to hl_registry_find and to hl_chip_is_sound.
static bool enter(struct hl_chip *chip, struct hl_heap *heap) {
    uint32_t count = atomic_load_explicit(&chip->registry_count, memory_order_relaxed);
    if (count == HL_REGISTRY_MAX)
        return false;
    chip->registry[count] = heap;
    uintptr_t start = heap->base + heap->start;
    unsigned slot = hl_handle_slot(start);
    for (;; slot = (slot + 1) & (HL_HANDLE_SLOTS - 1)) {
        struct hl_heap *other = atomic_load_explicit(&chip->handles[slot], memory_order_relaxed);
        if (!other || other->base + other->start == start)
            break;
    }
    atomic_store_explicit(&chip->handles[slot], heap, memory_order_release);
    atomic_store_explicit(&chip->registry_count, count + 1, memory_order_release);
    return true;
}

struct hl_heap *hl_heap_create(struct hl_chip *chip, uintptr_t base, uint32_t start,
                               uint32_t size) {
    size_t bytes = (sizeof(struct hl_heap) + HL_HEAP_ALIGNMENT - 1) & ~(size_t)(HL_HEAP_ALIGNMENT - 1);
    struct hl_heap *heap = aligned_alloc(HL_HEAP_ALIGNMENT, bytes);
    if (!heap)
        return NULL;
    memset(heap, 0, bytes);
    heap->base = base;
    heap->start = start;
    heap->size = size;
    heap->chip = chip;
    heap->poisoning = (uint8_t)chip->options.poisoning;
    heap->idf = (uint8_t)chip->options.idf;
    fill_region(heap);
    pthread_mutex_lock(&chip->registry_lock);
    bool made = hl_tlsf_create(heap) && enter(chip, heap);
    pthread_mutex_unlock(&chip->registry_lock);
    if (made)
        return heap;
    free(heap);
    return NULL;
}

void hl_registry_clear(struct hl_chip *chip) {
    uint32_t count = atomic_load_explicit(&chip->registry_count, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++)
        free(chip->registry[i]);
    for (unsigned slot = 0; slot < HL_HANDLE_SLOTS; slot++)
        atomic_store_explicit(&chip->handles[slot], NULL, memory_order_relaxed);
    atomic_store_explicit(&chip->registry_count, 0, memory_order_relaxed);
}
