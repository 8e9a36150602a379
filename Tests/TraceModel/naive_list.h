// SPDX-License-Identifier: Apache-2.0
//
// Heap tracing as ESP-IDF's documents describe it, in the simplest way: an array of records in order, searched from one
// end.  Slow and obviously right; the differential test compares the library with it.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NAIVE_CAPACITY_MAXIMUM = 256 };

struct naive_record {
    uintptr_t address;
    size_t size;
    unsigned core;
    bool freed;
};

struct naive_list {
    struct naive_record records[NAIVE_CAPACITY_MAXIMUM];
    size_t count, capacity, high_water, allocations, frees;
    bool leaks_only, overflowed, newest_first;
};

void naive_start(struct naive_list *list, bool leaks_only);
void naive_add(struct naive_list *list, uintptr_t address, size_t size, unsigned core);
void naive_free(struct naive_list *list, uintptr_t address);
