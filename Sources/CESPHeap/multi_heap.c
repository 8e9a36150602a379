// SPDX-License-Identifier: Apache-2.0
//
// ESP-IDF's multi_heap functions: handles and host pointers in front of heap_ops.h. Memory outside
// the current chip can be a heap as well; its addresses are then the low halves of the host's.

#include "multi_heap.h"

#include "heap_hot.h"
#include "port.h"
#include "registry.h"

static inline struct hl_heap *find(multi_heap_handle_t handle) {
    struct hl_chip *chip = hl_current();
    return handle && chip ? hl_registry_find(chip, handle) : NULL;
}

// As find, where the chip asserts that the handle is one.
static struct hl_heap *require(multi_heap_handle_t handle, const char *place) {
    struct hl_heap *heap = find(handle);
    struct hl_chip *chip = hl_current();
    if (!heap && chip)
        hl_fault_raise(chip, HL_FAULT_ASSERT, 0, "assert failed: %s (heap != NULL)", place);
    return heap;
}

static inline void *pointer(const struct hl_heap *heap, uint32_t address) {
    if (__builtin_expect(address == 0, 0)) {
        hl_fault_raise_noted(heap->chip);
        return NULL;
    }
    return hl_byte(heap, address);
}

// The address of a user pointer; a pointer outside the heap's own 4 GiB becomes one outside the
// heap.
static inline uint32_t address_of(const struct hl_heap *heap, const void *p) {
    uintptr_t distance = (uintptr_t)p - heap->base;
    return p == NULL ? 0 : distance > UINT32_MAX ? 3 : (uint32_t)distance;
}

multi_heap_handle_t multi_heap_register(void *start, size_t size) {
    struct hl_chip *chip = hl_current();
    if (!chip)
        return NULL;
    if (!start) {
        hl_fault_raise(chip, HL_FAULT_ASSERT, 0,
                       "assert failed: multi_heap_register_impl multi_heap.c:136 (start_ptr)");
        return NULL;
    }
    uintptr_t base = chip->base;
    uint32_t address = (uint32_t)((uintptr_t)start - base);
    if (size > UINT32_MAX)
        return NULL;
    if (base + address != (uintptr_t)start ||
        (base != 0 && !hl_chip_is_mapped(chip, address, size))) {
        address = (uint32_t)(uintptr_t)start;
        // Addresses must not wrap within the heap; flipping the top bit keeps every alignment below
        // 2 GiB.
        if (address + size > UINT32_MAX || address < 4096)
            address ^= 0x80000000u;
        base = (uintptr_t)start - address;
    }
    return hl_heap_create(chip, base, address, (uint32_t)size) ? (multi_heap_handle_t)start : NULL;
}

void multi_heap_set_lock(multi_heap_handle_t handle, void *lock) {
    struct hl_heap *heap = find(handle);
    if (heap)
        heap->is_locked = lock != NULL;
}

void *multi_heap_malloc(multi_heap_handle_t handle, size_t size) {
    struct hl_heap *heap = find(handle);
    if (__builtin_expect(!heap || size > UINT32_MAX, 0))
        return NULL;
    return pointer(heap, hl_heap_malloc_hot(heap, (uint32_t)size));
}

void *multi_heap_aligned_alloc(multi_heap_handle_t handle, size_t size, size_t alignment) {
    return multi_heap_aligned_alloc_offs(handle, size, alignment, 0);
}

void *multi_heap_aligned_alloc_offs(multi_heap_handle_t handle, size_t size, size_t alignment,
                                    size_t offset) {
    struct hl_heap *heap = find(handle);
    if (!heap || size > UINT32_MAX || alignment > UINT32_MAX || offset > UINT32_MAX)
        return NULL;
    return pointer(
        heap, hl_heap_aligned_alloc(heap, (uint32_t)size, (uint32_t)alignment, (uint32_t)offset));
}

void multi_heap_free(multi_heap_handle_t handle, void *p) {
    struct hl_heap *heap = find(handle);
    if (heap && !hl_heap_free_hot(heap, address_of(heap, p)))
        hl_fault_raise_noted(heap->chip);
}

void multi_heap_aligned_free(multi_heap_handle_t handle, void *p) {
    multi_heap_free(handle, p);
}

void *multi_heap_realloc(multi_heap_handle_t handle, void *p, size_t size) {
    struct hl_heap *heap = require(handle, "multi_heap_realloc_impl multi_heap.c:242");
    if (!heap || size > UINT32_MAX)
        return NULL;
    return pointer(heap, hl_heap_realloc(heap, address_of(heap, p), (uint32_t)size));
}

static size_t size_or_fault(const struct hl_heap *heap, uint32_t size) {
    if (size == 0)
        hl_fault_raise_noted(heap->chip);
    return size;
}

size_t multi_heap_get_allocated_size(multi_heap_handle_t handle, void *p) {
    struct hl_heap *heap = find(handle);
    return heap ? size_or_fault(heap, hl_heap_allocated_size(heap, address_of(heap, p))) : 0;
}

size_t multi_heap_get_full_block_size(multi_heap_handle_t handle, void *p) {
    struct hl_heap *heap = find(handle);
    return heap ? size_or_fault(heap, hl_heap_full_block_size(heap, address_of(heap, p))) : 0;
}

void *multi_heap_find_containing_block(multi_heap_handle_t handle, void *ptr) {
    struct hl_heap *heap = find(handle);
    return heap ? pointer(heap, hl_heap_find_containing_block(heap, address_of(heap, ptr))) : NULL;
}

void multi_heap_dump(multi_heap_handle_t handle) {
    struct hl_heap *heap = require(handle, "multi_heap_dump multi_heap.c:368");
    if (heap)
        hl_heap_dump(heap);
}

bool multi_heap_check(multi_heap_handle_t handle, bool print_errors) {
    struct hl_heap *heap = require(handle, "multi_heap_check multi_heap.c:337");
    if (!heap)
        return false;
    bool valid = hl_heap_check(heap, print_errors);
    return !hl_fault_raise_noted(heap->chip) && valid;
}

size_t multi_heap_free_size(multi_heap_handle_t handle) {
    struct hl_heap *heap = find(handle);
    return heap ? hl_heap_free_size(heap) : 0;
}

size_t multi_heap_minimum_free_size(multi_heap_handle_t handle) {
    struct hl_heap *heap = find(handle);
    return heap ? hl_heap_minimum_free_size(heap) : 0;
}

void multi_heap_get_info(multi_heap_handle_t handle, multi_heap_info_t *info) {
    struct hl_heap *heap = find(handle);
    *info = (multi_heap_info_t){0};
    if (heap)
        hl_heap_info(heap, info);
}

size_t multi_heap_reset_minimum_free_bytes(multi_heap_handle_t handle) {
    struct hl_heap *heap = find(handle);
    return heap ? hl_heap_reset_minimum(heap) : 0;
}

void multi_heap_restore_minimum_free_bytes(multi_heap_handle_t handle, const size_t minimum) {
    struct hl_heap *heap = find(handle);
    if (heap)
        hl_heap_restore_minimum(heap, minimum > UINT32_MAX ? UINT32_MAX : (uint32_t)minimum);
}

struct walk {
    const struct hl_heap *heap;
    multi_heap_walker_cb_t visit;
    void *user_data;
};

static bool visit_block(void *context, uint32_t address, uint32_t size, bool is_used) {
    const struct walk *walk = context;
    return walk->visit(hl_byte(walk->heap, address), size, is_used, walk->user_data);
}

void multi_heap_walk(multi_heap_handle_t handle, multi_heap_walker_cb_t walker_func,
                     void *user_data) {
    struct hl_heap *heap = require(handle, "multi_heap_walk multi_heap.c:436");
    if (!heap)
        return;
    struct walk walk = {heap, walker_func, user_data};
    hl_heap_walk(heap, visit_block, &walk);
}
