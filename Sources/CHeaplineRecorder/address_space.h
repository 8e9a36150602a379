// SPDX-License-Identifier: Apache-2.0
//
// What is mapped in this process, from /proc/self/maps, for a dump: what could hold a pointer, and what a pointer could point to.
#pragma once

#include "heapline_format.h"
#include "platform.h"

struct hl_address_space {
    struct hl_image_area *areas; // writable memory that is the program's own, by address
    uint32_t area_count;
    struct hl_range *targets;    // all that can be read, neighbours joined, by address
    uint32_t target_count;
    uint32_t most;               // of each
};

// Reads the maps, and leaves the recorder's own memory out of the areas. 0, or -1 when there is too much or /proc is missing.
int hl_address_space_read(struct hl_address_space *space, struct hl_range *own, uint32_t own_count);
