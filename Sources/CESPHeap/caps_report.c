// SPDX-License-Identifier: Apache-2.0
//
// Looking at the heaps with given capabilities: sums, prints, checks, walks. The order is the
// search order throughout.

#include <string.h>

#include "caps.h"
#include "heap_ops.h"
#include "port.h"

// What MALLOC_CAP_INVALID means to the functions that look at blocks: every heap.
static bool is_chosen(const struct hl_region_heap *entry, uint32_t caps) {
    return hl_registered(entry) &&
           ((caps & MALLOC_CAP_INVALID) || (entry->all_caps & caps) == caps);
}

static inline struct hl_region_heap *first(const struct hl_chip *chip) {
    return chip ? hl_first_heap(chip) : NULL;
}

size_t heap_caps_get_total_size(uint32_t caps) {
    size_t sum = 0;
    for (struct hl_region_heap *entry = first(hl_current()); entry; entry = hl_next_heap(entry))
        if (hl_caps_match(entry, caps))
            sum += entry->end - entry->start;
    return sum;
}

size_t heap_caps_get_free_size(uint32_t caps) {
    size_t sum = 0;
    for (struct hl_region_heap *entry = first(hl_current()); entry; entry = hl_next_heap(entry))
        if (hl_caps_match(entry, caps))
            sum += hl_heap_free_size(hl_registered(entry));
    return sum;
}

size_t heap_caps_get_minimum_free_size(uint32_t caps) {
    size_t sum = 0;
    for (struct hl_region_heap *entry = first(hl_current()); entry; entry = hl_next_heap(entry))
        if (hl_caps_match(entry, caps))
            sum += hl_heap_minimum_free_size(hl_registered(entry));
    return sum;
}

// Sums wrap at 32 bits as on the chip. The owner word is taken from the running maximum at each
// heap: the chip's way, which takes it once more for every heap after the one with the largest
// block.
void heap_caps_get_info(multi_heap_info_t *info, uint32_t caps) {
    struct hl_chip *chip = hl_current();
    memset(info, 0, sizeof *info);
    if (!chip)
        return;
    uint32_t owner = chip->owner_size, free_bytes = 0, allocated = 0, minimum = 0;
    for (struct hl_region_heap *entry = hl_first_heap(chip); entry; entry = hl_next_heap(entry)) {
        if (!hl_caps_match(entry, caps))
            continue;
        multi_heap_info_t one;
        hl_heap_info(hl_registered(entry), &one);
        free_bytes += (uint32_t)one.total_free_bytes - owner;
        minimum += (uint32_t)one.minimum_free_bytes - owner;
        allocated += (uint32_t)(one.total_allocated_bytes - one.allocated_blocks * owner);
        if (one.largest_free_block > info->largest_free_block)
            info->largest_free_block = one.largest_free_block;
        if (info->largest_free_block != 0)
            info->largest_free_block = (uint32_t)(info->largest_free_block - owner);
        info->allocated_blocks += one.allocated_blocks;
        info->free_blocks += one.free_blocks;
        info->total_blocks += one.total_blocks;
    }
    info->total_free_bytes = free_bytes;
    info->total_allocated_bytes = allocated;
    info->minimum_free_bytes = minimum;
}

size_t heap_caps_get_largest_free_block(uint32_t caps) {
    multi_heap_info_t info;
    heap_caps_get_info(&info, caps);
    return info.largest_free_block;
}

void heap_caps_print_heap_info(uint32_t caps) {
    struct hl_chip *chip = hl_current();
    if (!chip)
        return;
    multi_heap_info_t info;
    hl_print(chip, "Heap summary for capabilities 0x%08X:\n", caps);
    for (struct hl_region_heap *entry = hl_first_heap(chip); entry; entry = hl_next_heap(entry)) {
        if (!hl_caps_match(entry, caps))
            continue;
        hl_heap_info(hl_registered(entry), &info);
        hl_print(chip, "  At 0x%08x len %d free %d allocated %d min_free %d\n", entry->start,
                 (int)(entry->end - entry->start), (int)info.total_free_bytes,
                 (int)info.total_allocated_bytes, (int)info.minimum_free_bytes);
        hl_print(chip, "    largest_free_block %d alloc_blocks %d free_blocks %d total_blocks %d\n",
                 (int)info.largest_free_block, (int)info.allocated_blocks, (int)info.free_blocks,
                 (int)info.total_blocks);
    }
    heap_caps_get_info(&info, caps);
    hl_print(chip, "  Totals:\n");
    hl_print(chip, "    free %d allocated %d min_free %d largest_free_block %d\n",
             (int)info.total_free_bytes, (int)info.total_allocated_bytes,
             (int)info.minimum_free_bytes, (int)info.largest_free_block);
}

bool heap_caps_check_integrity(uint32_t caps, bool print_errors) {
    struct hl_chip *chip = hl_current();
    bool valid = true;
    for (struct hl_region_heap *entry = first(chip); entry; entry = hl_next_heap(entry))
        if (is_chosen(entry, caps))
            valid &= hl_heap_check(hl_registered(entry), print_errors);
    return !(chip && hl_fault_raise_noted(chip)) && valid;
}

bool heap_caps_check_integrity_all(bool print_errors) {
    return heap_caps_check_integrity(MALLOC_CAP_INVALID, print_errors);
}

bool heap_caps_check_integrity_addr(intptr_t addr, bool print_errors) {
    struct hl_chip *chip = hl_current();
    if (!chip)
        return false;
    // Firmware passes pointers; a script may pass chip addresses, which are below 4 GiB wherever
    // the memory lies.
    uint32_t address =
        (uintptr_t)addr <= UINT32_MAX ? (uint32_t)addr : hl_address_of(chip, (const void *)addr);
    struct hl_region_heap *entry = hl_caps_find_heap(chip, address);
    if (!entry)
        return false;
    bool valid = hl_heap_check(hl_registered(entry), print_errors);
    return !hl_fault_raise_noted(chip) && valid;
}

void heap_caps_dump(uint32_t caps) {
    for (struct hl_region_heap *entry = first(hl_current()); entry; entry = hl_next_heap(entry))
        if (is_chosen(entry, caps))
            hl_heap_dump(hl_registered(entry));
}

void heap_caps_dump_all(void) {
    heap_caps_dump(MALLOC_CAP_INVALID);
}

size_t heap_caps_get_allocated_size(void *ptr) {
    struct hl_chip *chip = hl_current();
    if (!chip)
        return 0;
    uint32_t block = hl_address_of(chip, ptr) - chip->owner_size;
    struct hl_region_heap *entry = hl_caps_find_heap(chip, block);
    if (!entry) {
        hl_fault_raise(chip, HL_FAULT_ASSERT, block,
                       "assert failed: heap_caps_get_allocated_size heap_caps.c:493 (heap)");
        return 0;
    }
    uint32_t size = hl_heap_allocated_size(hl_registered(entry), block);
    return hl_fault_raise_noted(chip) ? 0 : size - chip->owner_size;
}

size_t heap_caps_get_containing_block_size(void *ptr) {
    struct hl_chip *chip = hl_current();
    if (!chip)
        return 0;
    uint32_t address = hl_address_of(chip, ptr);
    struct hl_region_heap *entry = hl_caps_find_heap(chip, address);
    if (!entry) {
        hl_fault_raise(chip, HL_FAULT_ASSERT, address,
                       "assert failed: heap_caps_get_containing_block_size heap_caps.c:505 (heap)");
        return 0;
    }
    struct hl_heap *heap = hl_registered(entry);
    uint32_t block = hl_heap_find_containing_block(heap, address);
    uint32_t size = block != 0 ? hl_heap_allocated_size(heap, block) : 0;
    return hl_fault_raise_noted(chip) ? 0 : size;
}

struct walk {
    const struct hl_chip *chip;
    const struct hl_region_heap *entry;
    heap_caps_walker_cb_t visit;
    void *user_data;
};

static bool visit_block(void *context, uint32_t address, uint32_t size, bool is_used) {
    const struct walk *walk = context;
    walker_heap_into_t heap = {(intptr_t)hl_host(walk->chip, walk->entry->start),
                               (intptr_t)hl_host(walk->chip, walk->entry->end)};
    walker_block_info_t block = {hl_host(walk->chip, address), size, is_used};
    return walk->visit(heap, block, walk->user_data);
}

void heap_caps_walk(uint32_t caps, heap_caps_walker_cb_t walker_func, void *user_data) {
    struct hl_chip *chip = hl_current();
    if (chip && !walker_func)
        hl_fault_raise(chip, HL_FAULT_ASSERT, 0,
                       "assert failed: heap_caps_walk heap_caps.c:629 (walker_func != NULL)");
    if (!walker_func)
        return;
    for (struct hl_region_heap *entry = first(chip); entry; entry = hl_next_heap(entry)) {
        if (!is_chosen(entry, caps))
            continue;
        struct walk walk = {chip, entry, walker_func, user_data};
        hl_heap_walk(hl_registered(entry), visit_block, &walk);
    }
}

void heap_caps_walk_all(heap_caps_walker_cb_t walker_func, void *user_data) {
    heap_caps_walk(MALLOC_CAP_INVALID, walker_func, user_data);
}
