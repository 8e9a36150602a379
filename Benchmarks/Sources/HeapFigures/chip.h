// SPDX-License-Identifier: Apache-2.0
//
// Chips for measuring: they print nothing.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "heapline_chip.h"
#include "multi_heap.h"

struct measured_chip {
    struct hl_chip *chip, *before;
};

// Makes the chip current on this thread. Ends the program when it cannot be made.
struct measured_chip measured_chip_make(const char *target, enum hl_poisoning poisoning, int with_tasks);
void measured_chip_end(struct measured_chip chip);
// A heap of its own in the chip's memory.
multi_heap_handle_t measured_region(struct measured_chip chip, uint32_t start, size_t bytes);
