// SPDX-License-Identifier: Apache-2.0
//
// The records of heap task tracking, in chip memory with the chip's layout: tasks by descending
// handle, per task the heaps it used in order of first use, per heap its live allocations in order.
// They come from the largest heap without an owner word, so walks and dumps show them, and the
// older statistics take their first word for an owner.

#ifndef HL_TASK_RECORDS_H
#define HL_TASK_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "chip.h"
#include "lock.h"

// One live allocation, 16 bytes.
struct hl_alloc_record {
    uint32_t task, address, size;
    uint32_t next;
};

// One task's use of one heap, 44 bytes.
// Invariant: current == Σ size and alloc_count == number of records from `first`, unless a record
// could not be made.
struct hl_heap_record {
    uint32_t heap; // its start
    uint32_t name; // on the chip the type's name in flash; 0 here
    uint32_t caps, size, current, peak, alloc_count;
    uint32_t alloc_array; // of the last statistics taken
    uint32_t first, last; // allocations; `last` is the address of the last link
    uint32_t next;
};

// One task, alive or deleted, 52 bytes.
struct hl_task_record {
    char name[16];
    uint32_t handle;
    uint32_t is_alive;
    uint32_t peak, current, heap_count;
    uint32_t heap_array;
    uint32_t first, last; // heaps
    uint32_t next;
};

_Static_assert(sizeof(struct hl_alloc_record) == 16 && sizeof(struct hl_heap_record) == 44 &&
                   sizeof(struct hl_task_record) == 52,
               "the chip's sizes decide addresses");

// An array of statistics given to the caller: host memory, with a block of the chip's size held on
// the chip.
struct hl_statistics_array {
    struct hl_statistics_array *next;
    void *host;
    uint32_t block;
};

struct hl_tracking_state {
    struct hl_lock lock;
    uint32_t first; // task records
    struct hl_statistics_array *arrays;
};

// The record at a chip address, or null at a list's end. An address outside all heaps is a fault
// and ends the list too.
void *hl_record_at(struct hl_chip *chip, uint32_t address);

static inline struct hl_task_record *hl_task_at(struct hl_chip *chip, uint32_t address) {
    return hl_record_at(chip, address);
}

static inline struct hl_heap_record *hl_heap_record_at(struct hl_chip *chip, uint32_t address) {
    return hl_record_at(chip, address);
}

static inline struct hl_alloc_record *hl_alloc_at(struct hl_chip *chip, uint32_t address) {
    return hl_record_at(chip, address);
}

// The largest registered heap, first of equal ones.
struct hl_heap *hl_largest_heap(struct hl_chip *chip);

#endif
