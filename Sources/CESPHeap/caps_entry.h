// SPDX-License-Identifier: Apache-2.0
//
// The allocating functions as other parts of the chip call them: traced, with the failure callback,
// by chip address.

#ifndef HL_CAPS_ENTRY_H
#define HL_CAPS_ENTRY_H

#include "caps.h"

// heap_caps_malloc and heap_caps_free on a given chip.
uint32_t hl_caps_malloc(struct hl_chip *chip, uint32_t size, uint32_t caps);
void hl_caps_release(struct hl_chip *chip, uint32_t pointer);

#endif
