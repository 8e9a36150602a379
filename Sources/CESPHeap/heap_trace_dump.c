// SPDX-License-Identifier: Apache-2.0
//
// See heap_trace_dump.h.  Up to v5.0 the text comes from the C library (pointers as 0x0), later from the ROM's printf
// (0x%08x); v5.5 judges "freed" by the record instead of the stack.

#include "heap_trace_dump.h"

#include <stdio.h>

#include "chip.h"
#include "esp_heap_caps.h"
#include "heap_trace_list.h"
#include "port.h"

// A frame as printed: chip addresses and host addresses alike.
static unsigned long long number(const void *pointer) {
    return (unsigned long long)(uintptr_t)pointer;
}

static void *const *stack_of(const struct hl_trace_snapshot *snapshot, const struct hl_trace_record *record,
                             bool of_free) {
    return (void *const *)(record + 1) + (of_free ? snapshot->depth : 0);
}

// The stack until its first null; all but the last possible entry are followed by a colon.
static void print_callers(struct hl_chip *chip, void *const *stack, uint32_t depth, const char *format) {
    for (uint32_t i = 0; i < depth && stack[i]; i++) {
        hl_print(chip, format, number(stack[i]));
        if (i != depth - 1)
            hl_print(chip, ":");
    }
}

static void print_freed_by(struct hl_chip *chip, void *const *stack, uint32_t depth, const char *format) {
    hl_print(chip, "\nfreed by ");
    for (uint32_t i = 0; i < depth; i++) {
        hl_print(chip, format, number(stack[i]));
        hl_print(chip, i < depth - 1 ? ":" : "\n");
    }
}

static void dump_old(struct hl_chip *chip, const struct hl_trace_snapshot *snapshot, uint32_t count_afterwards) {
    uint64_t alive_bytes = 0;
    uint32_t alive = 0;
    hl_print(chip, "%u allocations trace (%u entry buffer)\n", snapshot->count, snapshot->capacity);
    for (uint32_t i = 0; i < snapshot->count; i++) {
        const struct hl_trace_record *record =
            (const void *)(snapshot->records + (size_t)i * snapshot->record_bytes);
        void *const *freed_by = stack_of(snapshot, record, true);
        if (!record->address)
            continue;
        hl_print(chip, "%d bytes (@ 0x%x) allocated CPU %u ccount 0x%08x caller ", (int)record->size,
                 hl_chip_address(chip, record->address), record->ccount & 1, record->ccount & ~3u);
        print_callers(chip, stack_of(snapshot, record, false), snapshot->depth, "0x%llx");
        bool shows_free = !snapshot->leaks_only && snapshot->depth > 0 && freed_by[0];
        if (shows_free) {
            print_freed_by(chip, freed_by, snapshot->depth, "0x%llx");
        } else {
            alive_bytes += record->size;
            alive++;
            hl_print(chip, "\n");
        }
    }
    if (snapshot->leaks_only)
        hl_print(chip, "%u bytes 'leaked' in trace (%u allocations)\n", (unsigned)alive_bytes, alive);
    else
        hl_print(chip, "%u bytes alive in trace (%u/%u allocations)\n", (unsigned)alive_bytes, alive,
                 snapshot->count);
    hl_print(chip, "total allocations %u total frees %u\n", (unsigned)snapshot->allocations,
             (unsigned)snapshot->frees);
    if (snapshot->count != count_afterwards)
        hl_print(chip, "(NB: New entries were traced while dumping, so trace dump may have duplicate entries.)\n");
    if (snapshot->overflowed)
        hl_print(chip, "(NB: Buffer has overflowed, so trace data is incomplete.)\n");
}

static bool is_in(struct hl_range range, uint32_t address) {
    return address >= range.low && address < range.high;
}

static const char *label_of(const struct hl_layout *layout, uint32_t address) {
    if (is_in(layout->internal, address))
        return ", Internal";
    return is_in(layout->external, address) ? ",    PSRAM" : "";
}

static bool is_asked_for(const struct hl_layout *layout, uint32_t address, uint32_t caps) {
    uint32_t both = MALLOC_CAP_INTERNAL | MALLOC_CAP_SPIRAM;
    if ((caps & both) == both)
        return true;
    return ((caps & MALLOC_CAP_INTERNAL) && is_in(layout->internal, address)) ||
           ((caps & MALLOC_CAP_SPIRAM) && is_in(layout->external, address));
}

// Prints one record; whether it counts as alive.
static bool print_record(struct hl_chip *chip, const struct hl_trace_snapshot *snapshot,
                         const struct hl_trace_record *record, bool by_record) {
    uint32_t depth = snapshot->depth;
    void *const *alloced_by = stack_of(snapshot, record, false);
    void *const *freed_by = stack_of(snapshot, record, true);
    uint32_t address = hl_chip_address(chip, record->address);
    hl_print(chip, "%6d bytes (@ 0x%08x%s) allocated CPU %d ccount 0x%08x", (int)record->size, address,
             label_of(chip->layout, address), (int)(record->ccount & 1), record->ccount & ~3u);
    if (!by_record || (depth > 0 && alloced_by[0])) {
        hl_print(chip, " caller ");
        print_callers(chip, alloced_by, depth, "0x%08llx");
    }
    bool has_free_stack = depth > 0 && freed_by[0];
    bool freed = by_record ? record->freed : has_free_stack;
    if (snapshot->leaks_only || !freed) {
        hl_print(chip, "\n");
        return !freed;
    }
    if (has_free_stack)
        print_freed_by(chip, freed_by, depth, "0x%08llx");
    else
        hl_print(chip, " freed\n");
    return false;
}

static void dump_new(struct hl_chip *chip, const struct hl_trace_snapshot *snapshot, uint32_t caps,
                     uint32_t count_afterwards) {
    uint64_t alive_bytes = 0;
    uint32_t alive = 0;
    bool by_record = hl_chip_options(chip)->idf >= HL_IDF_5_5;
    hl_print(chip, "====== Heap Trace: %u records (%u capacity) ======\n", snapshot->count, snapshot->capacity);
    for (uint32_t i = 0; i < snapshot->count; i++) {
        const struct hl_trace_record *record =
            (const void *)(snapshot->records + (size_t)i * snapshot->record_bytes);
        if (!record->address || !is_asked_for(chip->layout, hl_chip_address(chip, record->address), caps))
            continue;
        if (print_record(chip, snapshot, record, by_record)) {
            alive_bytes += record->size;
            alive++;
        }
    }
    hl_print(chip, "====== Heap Trace Summary ======\n");
    if (snapshot->leaks_only) {
        hl_print(chip, "Mode: Heap Trace Leaks\n");
        hl_print(chip, "%u bytes 'leaked' in trace (%u allocations)\n", (unsigned)alive_bytes, alive);
    } else {
        hl_print(chip, "Mode: Heap Trace All\n");
        hl_print(chip, "%u bytes alive in trace (%u/%u allocations)\n", (unsigned)alive_bytes, alive,
                 snapshot->count);
    }
    hl_print(chip, "records: %u (%u capacity, %u high water mark)\n", snapshot->count, snapshot->capacity,
             snapshot->high_water);
    if (snapshot->hash_map_entries > 0)
        hl_print(chip, "hashmap: %u capacity (%u hits, %u misses)\n", snapshot->hash_map_entries,
                 (unsigned)snapshot->hits, (unsigned)snapshot->misses);
    hl_print(chip, "total allocations: %u\n", (unsigned)snapshot->allocations);
    hl_print(chip, "total frees: %u\n", (unsigned)snapshot->frees);
    if (snapshot->count != count_afterwards)
        hl_print(chip, "(NB: New entries were traced while dumping, so trace dump may have duplicate entries.)\n");
    if (snapshot->overflowed)
        hl_print(chip, "(NB: Internal Buffer has overflowed, so trace data is incomplete.)\n");
    hl_print(chip, "================================\n");
}

void hl_trace_dump(struct hl_chip *chip, const struct hl_trace_snapshot *snapshot, uint32_t caps,
                   uint32_t count_afterwards) {
    if (hl_chip_options(chip)->idf <= HL_IDF_4_4_8)
        dump_old(chip, snapshot, count_afterwards);
    else
        dump_new(chip, snapshot, caps, count_afterwards);
}
