// SPDX-License-Identifier: Apache-2.0
//
// Writes what a memory image (heapline_format.h) holds after its areas: the words of the program's memory that could be addresses.
#pragma once

#include "address_space.h"

enum hl_image_error {
    HL_IMAGE_UNREADABLE = -1, // the system lets us read no memory without risk
    HL_IMAGE_NO_ROOM = -2,
};

// Bytes of the areas that are in memory, or were and are swapped out. What the program never touched is not counted.
uint64_t hl_image_resident(const struct hl_address_space *space);

// Writes the pages of all areas to `file`. `work` is HL_IMAGE_WORK_BYTES of memory. Returns 0, or an error; `most` bounds the bytes written.
int hl_image_write_pages(int file, const struct hl_address_space *space, char *work, uint64_t most);
#define HL_IMAGE_COPY_BYTES (256u << 10)
#define HL_IMAGE_OUT_BYTES (512u << 10)
#define HL_IMAGE_WORK_BYTES (HL_IMAGE_COPY_BYTES + HL_IMAGE_OUT_BYTES)
