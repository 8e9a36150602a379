// SPDX-License-Identifier: Apache-2.0
//
// The text of heap_trace_dump in the three generations of ESP-IDF.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hl_chip;

// What a dump shows: a copy, so nothing is locked while it is printed.
struct hl_trace_snapshot {
    char *records; // `count` records of record_bytes, oldest first
    size_t record_bytes;
    uint32_t depth, count, capacity, high_water;
    uint64_t allocations, frees, hits, misses;
    uint32_t hash_map_entries; // 0: no hash map
    bool leaks_only, overflowed;
};

void hl_trace_dump(struct hl_chip *chip, const struct hl_trace_snapshot *snapshot, uint32_t caps,
                   uint32_t count_afterwards);
