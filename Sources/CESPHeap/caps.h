// SPDX-License-Identifier: Apache-2.0
//
// The capability allocator by chip address: which heap, which address, which size. Public functions
// in caps_entry.c add tracing, failure callbacks and host pointers. 0 is null or failure, with a
// fault noted where the chip would stop.

#ifndef HL_CAPS_H
#define HL_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "chip.h"

enum {
    HL_CAP_EXEC = 1
        << 0, // defined in the public header only when the firmware's configuration has it
    HL_DESCRIPTOR_SIZE = 36, // a heap's descriptor on the chip; 40 with task tracking
};

uint32_t hl_caps_alloc(struct hl_chip *chip, uint32_t alignment, uint32_t size, uint32_t caps);
uint32_t hl_caps_realloc(struct hl_chip *chip, uint32_t pointer, uint32_t size, uint32_t caps);
// False with a fault noted.
bool hl_caps_free(struct hl_chip *chip, uint32_t pointer);

// The first registered heap in search order that contains the address, or null.
struct hl_region_heap *hl_caps_find_heap(const struct hl_chip *chip, uint32_t address);

// Whether a heap is registered and has all these capabilities.
static inline bool hl_caps_match(const struct hl_region_heap *entry, uint32_t caps) {
    return hl_registered(entry) != NULL && (entry->all_caps & caps) == caps;
}

static inline uint32_t hl_all_caps(const uint32_t caps[HL_PRIORITIES]) {
    return caps[0] | caps[1] | caps[2];
}

// The address of a host pointer; anything outside the chip's 4 GiB becomes an address no heap has.
static inline uint32_t hl_address_of(const struct hl_chip *chip, const void *pointer) {
    uintptr_t distance = (uintptr_t)pointer - chip->base;
    return pointer == NULL ? 0 : distance > UINT32_MAX ? 3 : (uint32_t)distance;
}

// Whether [start, end) may become a heap next to the existing heap [heap_start, heap_end). Not in
// ESP-IDF's headers, but its tests declare it themselves, with an int result.
int heap_caps_check_add_region_allowed(intptr_t heap_start, intptr_t heap_end, intptr_t start,
                                       intptr_t end);

#endif
