// SPDX-License-Identifier: Apache-2.0
//
// Bookkeeping of heap task tracking: who allocated what, in records that lie in the chip's own
// memory as on the chip. Addresses are those of the user's memory; sizes are full block sizes. The
// statistics are in task_statistics.c.

#ifndef HL_TASK_TRACKING_H
#define HL_TASK_TRACKING_H

#include <stdbool.h>
#include <stdint.h>

#include "chip.h"

// Makes the host's side of it; false without memory.
bool hl_tracking_open(struct hl_chip *chip);
void hl_tracking_close(struct hl_chip *chip);

// After a block was taken, before its owner word is written.
void hl_tracking_allocated(struct hl_chip *chip, struct hl_region_heap *heap, uint32_t address,
                           uint32_t size);
// Before a block is given back.
void hl_tracking_freeing(struct hl_chip *chip, struct hl_region_heap *heap, uint32_t address);
// After a block changed within its heap.
void hl_tracking_reallocated(struct hl_chip *chip, struct hl_region_heap *heap,
                             uint32_t old_address, uint32_t address, uint32_t old_size,
                             uint32_t old_task, uint32_t size);

#endif
