// SPDX-License-Identifier: Apache-2.0
//
// From a layout to heaps, at start-up and later:
//
//     regions − reserved ranges → pieces → neighbours of one kind joined → heaps → search order
//
// The descriptors that ESP-IDF allocates for its heaps are allocated here too: they decide every
// later address.

#include "esp_heap_caps_init.h"

#include <stdlib.h>
#include <string.h>

#include "caps_entry.h"
#include "caps_plan.h"
#include "heap_ops.h"
#include "memory.h"
#include "port.h"
#include "task_tracking.h"

enum { HL_PIECES_MAX = 96, HL_PIECE_MIN = 16, HL_RESERVED_MAX = 24 };

struct piece {
    uint32_t start, end;
    uint8_t type;
    bool startup_stack, joined; // joined: its memory belongs to the next piece
};

static bool exists(const struct hl_chip *chip, uint8_t when) {
    switch ((enum hl_when)when) {
    case HL_WHEN_ALWAYS:
        return true;
    case HL_WHEN_PSRAM:
        return chip->options.psram;
    case HL_WHEN_DUAL_CORE:
        return !chip->options.single_core;
    case HL_WHEN_UNPROTECTED:
        return chip->options.no_memory_protection;
    case HL_WHEN_RTC_HEAP:
        return chip->layout->rtc_heap;
    }
    return false;
}

static int by_start(const void *a, const void *b) {
    const struct hl_range *left = a, *right = b;
    return left->low < right->low ? -1 : left->low > right->low;
}

static unsigned reserved_ranges(const struct hl_chip *chip,
                                struct hl_range ranges[HL_RESERVED_MAX]) {
    unsigned count = 0;
    for (unsigned i = 0; i < chip->layout->reserved_count; i++) {
        const struct hl_reserved *reserved = &chip->layout->reserved[i];
        if (exists(chip, reserved->when) && reserved->end > reserved->start)
            ranges[count++] = (struct hl_range){reserved->start & ~3u, (reserved->end + 3) & ~3u};
    }
    qsort(ranges, count, sizeof *ranges, by_start);
    return count;
}

static unsigned add_piece(struct piece *pieces, unsigned count, const struct hl_region *region,
                          uint32_t start, uint32_t end) {
    if (end <= start || end - start <= HL_PIECE_MIN)
        return count;
    pieces[count] = (struct piece){start, end, region->type, region->startup_stack, false};
    return count + 1;
}

// Regions in the layout's order, cut by the reserved ranges.
static unsigned available_pieces(const struct hl_chip *chip, struct piece pieces[HL_PIECES_MAX]) {
    struct hl_range reserved[HL_RESERVED_MAX];
    unsigned reserved_count = reserved_ranges(chip, reserved), count = 0;
    for (unsigned i = 0; i < chip->layout->region_count; i++) {
        const struct hl_region *region = &chip->layout->regions[i];
        if (!exists(chip, region->when))
            continue;
        uint32_t start = region->start, end = region->start + region->size;
        for (unsigned r = 0; r < reserved_count && start < end; r++) {
            if (reserved[r].high <= start || reserved[r].low >= end)
                continue;
            count = add_piece(pieces, count, region, start,
                              reserved[r].low > start ? reserved[r].low : start);
            start = reserved[r].high;
        }
        if (start < end)
            count = add_piece(pieces, count, region, start, end);
    }
    for (unsigned i = 1; i < count; i++) {
        struct piece *a = &pieces[i - 1], *b = &pieces[i];
        if (a->end == b->start && a->type == b->type && a->startup_stack == b->startup_stack) {
            b->start = a->start;
            a->joined = true;
        }
    }
    return count;
}

static const uint32_t *caps_of_type(const struct hl_chip *chip, unsigned type,
                                    uint32_t caps[HL_PRIORITIES]) {
    const struct hl_memory_type *memory = &chip->layout->types[type];
    memcpy(caps, chip->options.no_memory_protection ? memory->unprotected_caps : memory->caps,
           3 * sizeof *caps);
    if (chip->options.iram_8bit && strcmp(memory->name, "IRAM") == 0)
        caps[0] |= MALLOC_CAP_IRAM_8BIT;
    return caps;
}

static void register_heap(struct hl_chip *chip, struct hl_region_heap *entry) {
    struct hl_heap *heap =
        hl_heap_create(chip, chip->base, entry->start, entry->end - entry->start);
    if (!heap)
        return;
    entry->all_caps = hl_all_caps(entry->caps);
    // Release: pairs with the acquire in hl_registered.
    atomic_store_explicit(&entry->heap, heap, memory_order_release);
}

static void lock_heap(struct hl_region_heap *entry) {
    if (hl_registered(entry))
        hl_registered(entry)->is_locked = true;
}

static void link_after(struct hl_chip *chip, struct hl_region_heap *previous,
                       struct hl_region_heap *entry) {
    _Atomic(struct hl_region_heap *) *link = previous ? &previous->next : &chip->heaps;
    atomic_store_explicit(&entry->next, atomic_load_explicit(link, memory_order_relaxed),
                          memory_order_relaxed);
    // Release: pairs with the acquire in hl_first_heap and hl_next_heap.
    atomic_store_explicit(link, entry, memory_order_release);
}

// v5.5 and later search small heaps first, an equal one before an older one; earlier versions go by
// region order.
static void link_in_search_order(struct hl_chip *chip, struct hl_region_heap *entry) {
    struct hl_region_heap *previous = NULL;
    for (struct hl_region_heap *other = hl_first_heap(chip); other; other = hl_next_heap(other)) {
        if (chip->options.idf >= HL_IDF_5_5 &&
            other->end - other->start >= entry->end - entry->start)
            break;
        previous = other;
    }
    link_after(chip, previous, entry);
}

static uint32_t descriptor_size(const struct hl_chip *chip) {
    return chip->options.tracking != HL_TRACKING_OFF && chip->options.idf >= HL_IDF_5_5
               ? HL_DESCRIPTOR_SIZE + 4
               : HL_DESCRIPTOR_SIZE;
}

// The array of descriptors: the chip's first allocation.
static void allocate_descriptors(struct hl_chip *chip, struct hl_region_heap **entries,
                                 unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        struct hl_heap *heap = hl_registered(entries[i]);
        if (!hl_caps_match(entries[i], MALLOC_CAP_8BIT | MALLOC_CAP_INTERNAL))
            continue;
        uint32_t array = hl_heap_malloc(heap, descriptor_size(chip) * count + chip->owner_size);
        if (array == 0)
            continue;
        if (chip->owner_size != 0)
            *(uint32_t *)hl_host(chip, array) = hl_port_current_task(chip);
        for (unsigned k = 0; k < count; k++) {
            lock_heap(entries[k]);
            link_in_search_order(chip, entries[k]);
        }
        hl_plans_renew(chip);
        if (chip->owner_size != 0)
            hl_tracking_allocated(chip, entries[i], array, hl_heap_full_block_size(heap, array));
        return;
    }
    hl_fault_raise(chip, HL_FAULT_ASSERT, 0,
                   "assert failed: heap_caps_init heap_caps_init.c:198 (heaps_array != NULL)");
}

void heap_caps_init(void) {
    struct hl_chip *chip = hl_current();
    if (!chip || chip->ready)
        return;
    chip->ready = true;
    struct piece pieces[HL_PIECES_MAX];
    struct hl_region_heap *entries[HL_PIECES_MAX];
    unsigned piece_count = available_pieces(chip, pieces), count = 0;
    hl_print(chip, "I heap_init: Initializing. RAM available for dynamic allocation:\n");
    for (unsigned i = 0; i < piece_count; i++) {
        struct hl_region_heap *entry = pieces[i].joined ? NULL : calloc(1, sizeof *entry);
        if (!entry)
            continue;
        entry->start = pieces[i].start;
        entry->end = pieces[i].end;
        entry->type = chip->layout->types[pieces[i].type].name;
        entry->startup_stack = pieces[i].startup_stack;
        caps_of_type(chip, pieces[i].type, entry->caps);
        if (!entry->startup_stack)
            register_heap(chip, entry);
        entries[count++] = entry;
        hl_print(chip, "I heap_init: At %08X len %08X (%u KiB): %s\n", entry->start,
                 entry->end - entry->start, (entry->end - entry->start) / 1024, entry->type);
    }
    allocate_descriptors(chip, entries, count);
}

void heap_caps_enable_nonos_stack_heaps(void) {
    struct hl_chip *chip = hl_current();
    if (!chip)
        return;
    for (struct hl_region_heap *entry = hl_first_heap(chip); entry; entry = hl_next_heap(entry)) {
        if (hl_registered(entry))
            continue;
        register_heap(chip, entry);
        lock_heap(entry);
    }
    hl_plans_renew(chip);
    chip->started = true;
}

// Chip addresses of what firmware passes as an address: a pointer, or a number below 4 GiB.
static bool chip_range(const struct hl_chip *chip, intptr_t start, intptr_t end,
                       struct hl_range *range) {
    uintptr_t low = (uintptr_t)start, high = (uintptr_t)end;
    if (chip->base != 0 && low >= chip->base && high >= chip->base) {
        low -= chip->base;
        high -= chip->base;
    }
    *range = (struct hl_range){(uint32_t)low, (uint32_t)high};
    return low <= UINT32_MAX && high <= UINT32_MAX;
}

static const struct hl_region *region_at(const struct hl_chip *chip, uint32_t address) {
    for (unsigned i = 0; i < chip->layout->region_count; i++) {
        const struct hl_region *region = &chip->layout->regions[i];
        if (address - region->start < region->size && exists(chip, region->when))
            return region;
    }
    return NULL;
}

// Where the linker puts the firmware's static data on the chip.
static const struct hl_region *data_region(const struct hl_chip *chip) {
    static const char name[] = "dram_data";
    for (unsigned i = 0; i < chip->layout->reserved_count; i++)
        if (strncmp(chip->layout->reserved[i].name, name, sizeof name - 1) == 0)
            return region_at(chip, chip->layout->reserved[i].start);
    return NULL;
}

esp_err_t heap_caps_add_region(intptr_t start, intptr_t end) {
    struct hl_chip *chip = hl_current();
    if (!chip || start == 0)
        return ESP_ERR_INVALID_ARG;
    struct hl_range range;
    if (!chip_range(chip, start, end, &range))
        return ESP_ERR_NOT_FOUND;
    const struct hl_region *region = region_at(chip, range.low);
    if (!region && hl_memory_is_static_data(chip, range.low, range.high) &&
        (hl_chip_is_mapped(chip, range.low, range.high - range.low) ||
         hl_memory_adopt(chip, range.low, range.high)))
        region = data_region(chip);
    if (!region)
        return ESP_ERR_NOT_FOUND;
    uint32_t caps[HL_PRIORITIES];
    return heap_caps_add_region_with_caps(caps_of_type(chip, region->type, caps), start, end);
}

int heap_caps_check_add_region_allowed(intptr_t heap_start, intptr_t heap_end, intptr_t start,
                                       intptr_t end) {
    bool crosses_start = start < heap_start && end > heap_start;
    bool crosses_end = start < heap_end && end > heap_end;
    bool is_same = start == heap_start && end == heap_end;
    return !crosses_start && !crosses_end && !is_same;
}

static const char *type_name(const struct hl_chip *chip, const uint32_t caps[HL_PRIORITIES]) {
    for (unsigned i = 0; i < chip->layout->type_count; i++) {
        uint32_t type_caps[HL_PRIORITIES];
        if (hl_all_caps(caps_of_type(chip, i, type_caps)) == hl_all_caps(caps))
            return chip->layout->types[i].name;
    }
    return NULL;
}

static esp_err_t add_heap(struct hl_chip *chip, const uint32_t caps[HL_PRIORITIES],
                          struct hl_range range) {
    for (struct hl_region_heap *entry = hl_first_heap(chip); entry; entry = hl_next_heap(entry))
        if (!heap_caps_check_add_region_allowed(entry->start, entry->end, range.low, range.high))
            return ESP_FAIL;
    uint32_t descriptor =
        hl_caps_malloc(chip, descriptor_size(chip), MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
    if (descriptor == 0)
        return ESP_ERR_NO_MEM;
    struct hl_region_heap *entry = calloc(1, sizeof *entry);
    if (!entry || !hl_chip_is_mapped(chip, range.low, range.high - range.low)) {
        free(entry);
        hl_caps_release(chip, descriptor);
        return ESP_ERR_NO_MEM;
    }
    entry->start = range.low;
    entry->end = range.high;
    entry->type = type_name(chip, caps);
    memcpy(entry->caps, caps, sizeof entry->caps);
    register_heap(chip, entry);
    if (!hl_registered(entry)) {
        free(entry);
        hl_caps_release(chip, descriptor);
        return ESP_ERR_INVALID_SIZE;
    }
    lock_heap(entry);
    // Memory that comes after the start does not raise the least free size of the past.
    if (chip->started && chip->options.idf >= HL_IDF_5_5)
        hl_heap_restore_minimum(hl_registered(entry), 0);
    pthread_mutex_lock(&chip->registry_lock);
    link_after(chip, NULL, entry);
    pthread_mutex_unlock(&chip->registry_lock);
    hl_plans_renew(chip);
    return ESP_OK;
}

esp_err_t heap_caps_add_region_with_caps(const uint32_t caps[], intptr_t start, intptr_t end) {
    struct hl_chip *chip = hl_current();
    if (!chip || !caps || start == 0 || end == 0 || end <= start)
        return ESP_ERR_INVALID_ARG;
    struct hl_range range;
    if (!chip_range(chip, start, end, &range))
        return ESP_ERR_NOT_FOUND;
    return add_heap(chip, caps, range);
}

esp_err_t hl_chip_add_psram(struct hl_chip *chip, uint32_t start, uint32_t size) {
    uint32_t byte_caps = MALLOC_CAP_8BIT | MALLOC_CAP_32BIT;
    if (chip->options.idf >= HL_IDF_5_3)
        byte_caps |= MALLOC_CAP_SIMD;
    const uint32_t caps[HL_PRIORITIES] = {MALLOC_CAP_SPIRAM | MALLOC_CAP_DEFAULT, 0, byte_caps};
    if (size == 0 || start == 0 || size > UINT32_MAX - start)
        return ESP_ERR_INVALID_ARG;
    if (hl_chip_map(chip, start, size) != 0)
        return ESP_ERR_NO_MEM;
    struct hl_chip *before = hl_chip_use(chip);
    esp_err_t error = add_heap(chip, caps, (struct hl_range){start, start + size});
    hl_chip_use(before);
    return error;
}
