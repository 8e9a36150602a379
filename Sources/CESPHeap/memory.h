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

#endif
