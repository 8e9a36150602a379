// SPDX-License-Identifier: Apache-2.0
//
// Choosing a heap: hardware alignment, limits, priorities, instruction addresses, owner words. The
// order of the steps is what decides addresses; see the numbered comments.

#include "caps.h"

#include <string.h>

#include "caps_plan.h"
#include "heap_hot.h"
#include "port.h"
#include "task_tracking.h"
#include "tlsf.h"

// Alignments up to this are what every block has.
enum { HL_NATURAL_ALIGNMENT = 4 };

static const uint32_t hardware_caps = MALLOC_CAP_DMA | MALLOC_CAP_DMA_DESC_AHB |
                                      MALLOC_CAP_DMA_DESC_AXI | MALLOC_CAP_CACHE_ALIGNED |
                                      MALLOC_CAP_SIMD;

static inline uint32_t larger(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

// Caches and DMA want whole lines: raises alignment and size, and drops the bits that say no more
// than that.
static void adjust_to_hardware(const struct hl_chip *chip, uint32_t *alignment, uint32_t *size,
                               uint32_t *caps) {
    const struct hl_layout *layout = chip->layout;
    uint32_t wanted = *caps;
    uint32_t least = larger(*alignment, wanted & MALLOC_CAP_SPIRAM ? layout->external_line
                                                                   : layout->internal_line);
    if ((wanted & MALLOC_CAP_DMA_DESC_AXI) && layout->axi_dma)
        least = larger(least, 8);
    if ((wanted & MALLOC_CAP_SIMD) && layout->simd)
        least = larger(least, 16);
    if (wanted & (MALLOC_CAP_DMA_DESC_AHB | MALLOC_CAP_DMA_DESC_AXI)) {
        wanted &= ~(uint32_t)(MALLOC_CAP_DMA_DESC_AHB | MALLOC_CAP_DMA_DESC_AXI);
        wanted |= MALLOC_CAP_DMA;
    }
    if ((wanted & MALLOC_CAP_SPIRAM) && (wanted & MALLOC_CAP_DMA))
        wanted &= ~(uint32_t)MALLOC_CAP_DMA;
    *caps = wanted & ~(uint32_t)MALLOC_CAP_CACHE_ALIGNED;
    *alignment = least;
    *size = (*size + least - 1) & ~(least - 1);
}

static inline void meet_hardware(const struct hl_chip *chip, uint32_t *alignment, uint32_t *size,
                                 uint32_t *caps) {
    if ((*caps & hardware_caps) && chip->options.idf >= HL_IDF_5_3)
        adjust_to_hardware(chip, alignment, size, caps);
}

static inline bool contains(struct hl_range range, uint32_t address) {
    return address >= range.low && address < range.high;
}

static bool has_two_addresses(const struct hl_layout *layout) {
    return layout->dram.low != layout->iram.low;
}

static bool has_two_rtc_addresses(const struct hl_layout *layout) {
    return layout->rtc_dram.low != layout->rtc_iram.low;
}

// Instruction addresses of memory that is a heap by its data addresses.
static inline bool is_instruction_address(const struct hl_chip *chip, uint32_t address) {
    const struct hl_layout *layout = chip->layout;
    return (has_two_addresses(layout) && contains(layout->diram_iram, address)) ||
           (has_two_rtc_addresses(layout) && contains(layout->rtc_iram, address));
}

static bool needs_instruction_address(const struct hl_chip *chip, uint32_t heap_start) {
    const struct hl_layout *layout = chip->layout;
    return (has_two_addresses(layout) && contains(layout->diram_dram, heap_start)) ||
           (has_two_rtc_addresses(layout) && contains(layout->rtc_dram, heap_start));
}

// The instruction address of [data, data + length): its first word keeps `data`, the rest is the
// caller's.
static uint32_t to_instruction_address(struct hl_chip *chip, uint32_t data, uint32_t length) {
    const struct hl_layout *layout = chip->layout;
    uint32_t address;
    if (layout->iram_inverted)
        address = layout->diram_iram.low + (layout->diram_dram.high - (data + length - 4)) - 4;
    else if (has_two_rtc_addresses(layout) && contains(layout->rtc_dram, data))
        address = layout->rtc_iram.low + (data - layout->rtc_dram.low);
    else
        address = layout->diram_iram.low + (data - layout->diram_dram.low);
    // Where the two views are one memory (memory.c), this is the block's first word, as on the chip.
    if (hl_chip_is_mapped(chip, address, 4))
        *(uint32_t *)hl_host(chip, address) = data;
    return address + 4;
}

static uint32_t data_address_of(const struct hl_chip *chip, uint32_t instruction) {
    return hl_chip_is_mapped(chip, instruction - 4, 4)
               ? *(const uint32_t *)hl_host(chip, (instruction - 4) & ~3u)
               : 0;
}

static void call_alloc_hook(struct hl_chip *chip, uint32_t address, uint32_t size, uint32_t caps) {
    if (chip->port.alloc_hook)
        chip->port.alloc_hook(chip->port.context, hl_host(chip, address), size, caps);
    else if (esp_heap_trace_alloc_hook)
        esp_heap_trace_alloc_hook(hl_host(chip, address), size, caps);
}

static void call_free_hook(struct hl_chip *chip, uint32_t address) {
    if (chip->port.free_hook)
        chip->port.free_hook(chip->port.context, hl_host(chip, address));
    else if (esp_heap_trace_free_hook)
        esp_heap_trace_free_hook(hl_host(chip, address));
}

static inline void set_owner(struct hl_chip *chip, uint32_t block) {
    *(uint32_t *)hl_host(chip, block) = hl_port_current_task(chip);
}

// One heap's try. Returns the address of the user's memory.
static inline uint32_t alloc_in(struct hl_chip *chip, struct hl_region_heap *entry,
                                struct hl_heap *heap, uint32_t alignment, uint32_t size) {
    bool legacy_aligned = chip->options.idf < HL_IDF_5_3 && alignment != 0;
    uint32_t owner = chip->owner_size;
    uint32_t block = alignment <= HL_NATURAL_ALIGNMENT && !legacy_aligned
                         ? hl_heap_malloc(heap, size + owner)
                         : hl_heap_aligned_alloc(heap, size + owner, alignment, owner);
    if (block == 0 || owner == 0)
        return block;
    hl_tracking_allocated(chip, entry, block + owner, hl_heap_full_block_size(heap, block));
    set_owner(chip, block);
    return block + owner;
}

// 5. to 7.: priority by priority, heap by heap in search order.
static inline uint32_t search(struct hl_chip *chip, uint32_t alignment, uint32_t size,
                              uint32_t caps, bool exec) {
    for (unsigned priority = 0; priority < HL_PRIORITIES; priority++) {
        for (struct hl_region_heap *entry = hl_first_heap(chip); entry;
             entry = hl_next_heap(entry)) {
            if (!(entry->caps[priority] & caps))
                continue;
            struct hl_heap *heap = hl_registered(entry);
            if (!heap || (entry->all_caps & caps) != caps)
                continue;
            bool translate =
                __builtin_expect(exec, 0) && needs_instruction_address(chip, entry->start);
            uint32_t address = alloc_in(chip, entry, heap, alignment, translate ? size + 4 : size);
            if (address == 0) {
                if (hl_fault_is_noted())
                    return 0;
                continue;
            }
            if (translate)
                address = to_instruction_address(chip, address, size + 4);
            if (__builtin_expect(chip->options.hooks, 0))
                call_alloc_hook(chip, address, size, caps);
            return address;
        }
    }
    return 0;
}

// The usual request, for which all of this was found out before.
static inline uint32_t search_as_planned(const struct hl_plan *plan, uint32_t size) {
    for (uint32_t i = 0; i < plan->count; i++) {
        uint32_t address = hl_heap_malloc_hot(plan->heaps[i], (size + plan->rounding) & ~plan->rounding);
        if (__builtin_expect(address != 0, 1) || hl_fault_is_noted())
            return address;
    }
    return 0;
}

uint32_t hl_caps_alloc(struct hl_chip *chip, uint32_t alignment, uint32_t size, uint32_t caps) {
    bool usual = alignment == HL_NATURAL_ALIGNMENT && chip->owner_size == 0 && !chip->options.hooks;
    if (__builtin_expect(usual, 1)) {
        const struct hl_plan *plan = hl_plan_of(chip, caps);
        if (__builtin_expect(plan && size - 1 < plan->limit, 1))
            return search_as_planned(plan, size);
    }
    uint32_t asked = caps;
    // 1. and 2.
    meet_hardware(chip, &alignment, &size, &caps);
    if (size == 0 || size > chip->limit)
        return 0;
    // v4.4 allocates aligned memory by the capabilities alone.
    bool plain_aligned = chip->options.idf < HL_IDF_5_3 && alignment != 0;
    // 3. Instruction memory has neither bytes nor DMA, though a region's bits together may say so.
    bool exec = (caps & HL_CAP_EXEC) && chip->exec_heap && !plain_aligned;
    if (__builtin_expect(exec, 0)) {
        if (caps & (MALLOC_CAP_8BIT | MALLOC_CAP_DMA))
            return 0;
        caps |= MALLOC_CAP_32BIT;
    }
    // 4.
    if ((caps & MALLOC_CAP_32BIT) && !plain_aligned)
        size = (size + 3) & ~3u;
    if (usual && !exec && caps == asked && alignment == HL_NATURAL_ALIGNMENT)
        hl_plan_make(chip, caps, caps & MALLOC_CAP_32BIT || (caps & hardware_caps) ? 3 : 0);
    return search(chip, alignment, size, caps, exec);
}

struct hl_region_heap *hl_caps_find_heap(const struct hl_chip *chip, uint32_t address) {
    for (struct hl_region_heap *entry = hl_first_heap_near(chip, address); entry; entry = hl_next_heap(entry))
        if (address - entry->start < entry->end - entry->start && hl_registered(entry))
            return entry;
    return NULL;
}

bool hl_caps_free(struct hl_chip *chip, uint32_t pointer) {
    if (pointer == 0)
        return true;
    if (__builtin_expect(is_instruction_address(chip, pointer), 0))
        pointer = data_address_of(chip, pointer);
    uint32_t block = pointer - chip->owner_size;
    struct hl_region_heap *entry = hl_caps_find_heap(chip, block);
    if (__builtin_expect(!entry, 0)) {
        hl_fault_note(HL_FAULT_ASSERT, pointer,
                      "assert failed: heap_caps_free heap_caps_base.c:116 (heap != NULL && "
                      "\"free() target pointer is outside heap areas\")");
        return false;
    }
    struct hl_heap *heap = hl_registered(entry);
    if (__builtin_expect(chip->owner_size != 0, 0))
        hl_tracking_freeing(chip, entry, pointer);
    if (__builtin_expect(!hl_heap_free_hot(heap, block), 0))
        return false;
    if (__builtin_expect(chip->options.hooks, 0))
        call_free_hook(chip, pointer);
    return chip->owner_size == 0 || !hl_fault_is_noted();
}

// Within its heap. 0 when that is not possible.
static uint32_t realloc_in(struct hl_chip *chip, struct hl_region_heap *entry, uint32_t block,
                           uint32_t size, uint32_t caps) {
    struct hl_heap *heap = hl_registered(entry);
    uint32_t owner = chip->owner_size, old_size = 0, old_task = 0;
    if (owner != 0) {
        old_size = hl_heap_full_block_size(heap, block);
        if (old_size == 0)
            return 0;
        old_task = *(const uint32_t *)hl_host(chip, block);
    }
    uint32_t moved = hl_heap_realloc(heap, block, size + owner);
    if (moved == 0)
        return 0;
    if (owner != 0) {
        set_owner(chip, moved);
        hl_tracking_reallocated(chip, entry, block + owner, moved + owner, old_size, old_task,
                                hl_heap_full_block_size(heap, moved));
    }
    if (__builtin_expect(chip->options.hooks, 0))
        call_alloc_hook(chip, moved + owner, size, caps);
    return moved + owner;
}

uint32_t hl_caps_realloc(struct hl_chip *chip, uint32_t pointer, uint32_t size, uint32_t caps) {
    uint32_t alignment = chip->options.idf < HL_IDF_5_3 ? 0 : HL_NATURAL_ALIGNMENT;
    meet_hardware(chip, &alignment, &size, &caps);
    if (pointer == 0)
        return hl_caps_alloc(chip, alignment, size, caps);
    if (size == 0) {
        hl_caps_free(chip, pointer);
        return 0;
    }
    if (size > chip->limit)
        return 0;

    bool is_instruction =
        contains(chip->layout->diram_iram, pointer) && has_two_addresses(chip->layout);
    uint32_t block = (is_instruction ? data_address_of(chip, pointer) : pointer) - chip->owner_size;
    struct hl_region_heap *entry = hl_caps_find_heap(chip, block);
    if (__builtin_expect(!entry, 0)) {
        hl_fault_note(HL_FAULT_ASSERT, pointer,
                      "assert failed: heap_caps_realloc_base heap_caps_base.c:319 (heap != NULL && "
                      "\"realloc() pointer is outside heap areas\")");
        return 0;
    }
    if ((entry->all_caps & caps) == caps && !is_instruction && alignment <= HL_NATURAL_ALIGNMENT) {
        uint32_t moved = realloc_in(chip, entry, block, size, caps);
        if (moved != 0 || hl_fault_is_noted())
            return moved;
    }
    uint32_t moved = hl_caps_alloc(chip, alignment, size, caps);
    if (moved == 0)
        return 0;
    uint32_t old_size = hl_heap_allocated_size(hl_registered(entry), block);
    if (old_size == 0) {
        if (!hl_fault_is_noted())
            hl_fault_note(
                HL_FAULT_ASSERT, pointer,
                "assert failed: heap_caps_realloc_base heap_caps_base.c:385 (old_size > 0)");
        return 0;
    }
    old_size -= chip->owner_size;
    memcpy(hl_host(chip, moved), hl_host(chip, pointer), size < old_size ? size : old_size);
    hl_caps_free(chip, pointer);
    return hl_fault_is_noted() ? 0 : moved;
}
