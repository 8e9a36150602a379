// SPDX-License-Identifier: Apache-2.0
//
// Mapping chip memory. In place, all ranges the layout names are reserved first, external memory
// too, so what is mapped later is certain to fit. Elsewhere, 4 GiB are reserved at a multiple of 4
// GiB: an address is then the low half of a pointer, and alignment is the same on both sides.

#include "memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define HL_SPACE ((size_t)1 << 32)

static struct hl_range whole_pages(uint64_t low, uint64_t high) {
    uint64_t last = (high + 4095) & ~4095ull;
    return (struct hl_range){(uint32_t)low & ~4095u,
                             last > 0xfffff000u ? 0xfffff000u : (uint32_t)last};
}

static bool is_covered(const struct hl_range *ranges, uint32_t count, uint32_t page) {
    for (uint32_t i = 0; i < count; i++)
        if (page >= ranges[i].low && page < ranges[i].high)
            return true;
    return false;
}

// Calls `apply` on each maximal run of pages in `range` that none of the ranges covers.
static int for_each_gap(struct hl_chip *chip, struct hl_range range, const struct hl_range *ranges,
                        uint32_t count, int (*apply)(struct hl_chip *chip, struct hl_range run)) {
    for (uint32_t page = range.low; page < range.high;) {
        if (is_covered(ranges, count, page)) {
            page += 4096;
            continue;
        }
        uint32_t end = range.high;
        for (uint32_t i = 0; i < count; i++)
            if (ranges[i].low > page && ranges[i].low < end)
                end = ranges[i].low;
        int error = apply(chip, (struct hl_range){page, end});
        if (error != 0)
            return error;
        page = end;
    }
    return 0;
}

static int reserve_run(struct hl_chip *chip, struct hl_range run) {
    if (chip->reserved_count == HL_MAPPED_MAX)
        return HL_CHIP_NO_ADDRESS_SPACE;
    void *place = (void *)(uintptr_t)run.low;
    void *got = mmap(place, run.high - run.low, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == MAP_FAILED)
        return HL_CHIP_NO_ADDRESS_SPACE;
    if (got != place) { // kernels before 4.17 take the flag for a hint
        munmap(got, run.high - run.low);
        return HL_CHIP_NO_ADDRESS_SPACE;
    }
    chip->reserved[chip->reserved_count++] = run;
    return 0;
}

static int open_run(struct hl_chip *chip, struct hl_range run) {
    uint32_t count = atomic_load_explicit(&chip->mapped_count, memory_order_relaxed);
    if (count == HL_MAPPED_MAX)
        return HL_CHIP_NO_HOST_MEMORY;
    if (mprotect(hl_host(chip, run.low), run.high - run.low, PROT_READ | PROT_WRITE) != 0)
        return HL_CHIP_NO_HOST_MEMORY;
    chip->mapped[count] = run;
    // Release: pairs with the acquire in hl_chip_is_mapped.
    atomic_store_explicit(&chip->mapped_count, count + 1, memory_order_release);
    return 0;
}

static int map_range(struct hl_chip *chip, struct hl_range range) {
    if (chip->base == 0) {
        int error = for_each_gap(chip, range, chip->reserved, chip->reserved_count, reserve_run);
        if (error != 0)
            return error;
    }
    return for_each_gap(chip, range, chip->mapped,
                        atomic_load_explicit(&chip->mapped_count, memory_order_relaxed), open_run);
}

int hl_chip_map(struct hl_chip *chip, uint32_t address, size_t size) {
    if (size == 0)
        return 0;
    if (address < 4096 || size > HL_SPACE - 4096 - address)
        return HL_CHIP_NO_ADDRESS_SPACE;
    pthread_mutex_lock(&chip->registry_lock);
    int error = map_range(chip, whole_pages(address, address + size));
    pthread_mutex_unlock(&chip->registry_lock);
    return error;
}

bool hl_chip_is_mapped(const struct hl_chip *chip, uint32_t address, size_t size) {
    uint32_t count = atomic_load_explicit(&chip->mapped_count, memory_order_acquire);
    uint64_t next = address, end = address + (uint64_t)size;
    while (next < end) {
        uint64_t before = next;
        for (uint32_t i = 0; i < count; i++)
            if (next >= chip->mapped[i].low && next < chip->mapped[i].high)
                next = chip->mapped[i].high;
        if (next == before)
            return false;
    }
    return true;
}

// Instruction addresses of memory that also has data addresses: firmware may be handed them with
// the EXEC capability.
static int map_alias(struct hl_chip *chip, const struct hl_region *region) {
    if (region->iram_alias == 0 || region->iram_alias == region->start)
        return 0;
    return map_range(chip,
                     whole_pages(region->iram_alias, (uint64_t)region->iram_alias + region->size));
}

static int map_layout(struct hl_chip *chip) {
    const struct hl_layout *layout = chip->layout;
    if (chip->base == 0 && layout->external.high != 0) {
        int error =
            for_each_gap(chip, layout->external, chip->reserved, chip->reserved_count, reserve_run);
        if (error != 0)
            return error;
    }
    for (unsigned i = 0; i < layout->region_count; i++) {
        const struct hl_region *region = &layout->regions[i];
        if (region->when == HL_WHEN_PSRAM)
            continue;
        int error =
            map_range(chip, whole_pages(region->start, (uint64_t)region->start + region->size));
        if (error == 0)
            error = map_alias(chip, region);
        if (error != 0)
            return error;
    }
    if (layout->rtc_dram.high != 0)
        return map_range(chip, whole_pages(layout->rtc_dram.low, layout->rtc_dram.high));
    return 0;
}

static void release(struct hl_chip *chip) {
    for (uint32_t i = 0; i < chip->reserved_count; i++)
        munmap((void *)(uintptr_t)chip->reserved[i].low,
               chip->reserved[i].high - chip->reserved[i].low);
    if (chip->reservation)
        munmap(chip->reservation, 2 * HL_SPACE);
    chip->reservation = NULL;
    chip->reserved_count = 0;
    chip->base = 0;
    atomic_store_explicit(&chip->mapped_count, 0, memory_order_relaxed);
}

static int open_elsewhere(struct hl_chip *chip) {
    void *space =
        mmap(NULL, 2 * HL_SPACE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (space == MAP_FAILED)
        return HL_CHIP_NO_ADDRESS_SPACE;
    chip->reservation = space;
    chip->base = ((uintptr_t)space + HL_SPACE - 1) & ~(uintptr_t)(HL_SPACE - 1);
    return map_layout(chip);
}

int hl_memory_open(struct hl_chip *chip) {
    int error = HL_CHIP_NO_ADDRESS_SPACE;
    if (chip->options.mapping != HL_MAPPING_ELSEWHERE) {
        error = map_layout(chip);
        if (error == 0 || chip->options.mapping == HL_MAPPING_IN_PLACE)
            goto done;
        release(chip);
    }
    error = open_elsewhere(chip);
done:
    if (error != 0)
        release(chip);
    return error;
}

void hl_memory_close(struct hl_chip *chip) {
    release(chip);
}
