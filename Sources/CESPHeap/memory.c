// SPDX-License-Identifier: Apache-2.0
//
// Mapping chip memory. In place, all ranges the layout names are reserved first, external memory
// too, so what is mapped later is certain to fit. Elsewhere, 4 GiB are reserved at a multiple of 4
// GiB: an address is then the low half of a pointer, and alignment is the same on both sides.

#include "memory.h"

#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

// One memory behind two ranges of addresses, `to` being the other view of `from`: what is written through one is read
// through the other. Only pages that both views have. Without a memory file the views stay apart, and with them only
// what firmware writes through one bus and reads through the other.
static void share(struct hl_chip *chip, struct hl_range from, struct hl_range to) {
    int file = memfd_create("heapline chip", MFD_CLOEXEC);
    if (file < 0)
        return;
    uint32_t count = atomic_load_explicit(&chip->mapped_count, memory_order_relaxed);
    bool has_room = ftruncate(file, (off_t)(from.high - from.low)) == 0;
    for (uint32_t i = 0; has_room && i < count; i++) {
        uint32_t low = chip->mapped[i].low > from.low ? chip->mapped[i].low : from.low;
        uint32_t high = chip->mapped[i].high < from.high ? chip->mapped[i].high : from.high;
        if (low >= high || !hl_chip_is_mapped(chip, to.low + (low - from.low), high - low))
            continue;
        for (unsigned view = 0; view < 2; view++)
            mmap(hl_host(chip, view == 0 ? low : to.low + (low - from.low)), high - low, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_FIXED | MAP_NORESERVE, file, (off_t)(low - from.low));
    }
    close(file);
}

// The ESP32's D/IRAM is not among them: its instruction bus sees the words in reverse order, which pages cannot show.
static void share_views(struct hl_chip *chip) {
    const struct hl_layout *layout = chip->layout;
    if (layout->diram_dram.high != 0 && layout->diram_dram.low != layout->diram_iram.low && !layout->iram_inverted)
        share(chip, layout->diram_dram, layout->diram_iram);
    if (layout->rtc_dram.high != 0 && layout->rtc_iram.high != 0 && layout->rtc_dram.low != layout->rtc_iram.low)
        share(chip, layout->rtc_dram, layout->rtc_iram);
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
    if (layout->rtc_dram.high != 0) {
        int error = map_range(chip, whole_pages(layout->rtc_dram.low, layout->rtc_dram.high));
        if (error == 0 && layout->rtc_iram.high != 0 && layout->rtc_iram.low != layout->rtc_dram.low)
            error = map_range(chip, whole_pages(layout->rtc_iram.low, layout->rtc_iram.high));
        if (error != 0)
            return error;
    }
    share_views(chip);
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

struct data_search {
    uintptr_t low, high;
    bool found;
};

// The program comes first.
static int find_data(struct dl_phdr_info *info, size_t size, void *context) {
    struct data_search *search = context;
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + header->p_vaddr;
        search->found |= header->p_type == PT_LOAD && (header->p_flags & PF_W) && search->low >= start &&
                         search->high <= start + header->p_memsz;
    }
    return 1;
}

bool hl_memory_is_static_data(const struct hl_chip *chip, uint32_t low, uint32_t high) {
    struct data_search search = {low, high, false};
    if (chip->base == 0 && low < high)
        dl_iterate_phdr(find_data, &search);
    return search.found;
}

bool hl_memory_adopt(struct hl_chip *chip, uint32_t low, uint32_t high) {
    pthread_mutex_lock(&chip->registry_lock);
    uint32_t count = atomic_load_explicit(&chip->mapped_count, memory_order_relaxed);
    bool has_room = count < HL_MAPPED_MAX;
    if (has_room) {
        chip->mapped[count] = (struct hl_range){low, high};
        // Release: pairs with the acquire in hl_chip_is_mapped.
        atomic_store_explicit(&chip->mapped_count, count + 1, memory_order_release);
    }
    pthread_mutex_unlock(&chip->registry_lock);
    return has_room;
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
