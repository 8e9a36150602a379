// SPDX-License-Identifier: Apache-2.0
//
// The chip's memory on this host: in place, or at a fixed distance. See chip.h for how it is
// addressed.

#ifndef HL_MEMORY_H
#define HL_MEMORY_H

#include "chip.h"

// Reserves the address space and maps the layout's internal memory. 0 or an enum hl_chip_error.
int hl_memory_open(struct hl_chip *chip);

// Unmaps everything.
void hl_memory_close(struct hl_chip *chip);

// Whether [low, high) is static data of the program, which stands for the firmware's. Only in a program whose data lies
// below 4 GiB, as heapline esp run links it, and on a chip in place.
bool hl_memory_is_static_data(const struct hl_chip *chip, uint32_t low, uint32_t high);
// Counts memory of the program's as the chip's. False when there is no room to note it.
bool hl_memory_adopt(struct hl_chip *chip, uint32_t low, uint32_t high);

#endif
