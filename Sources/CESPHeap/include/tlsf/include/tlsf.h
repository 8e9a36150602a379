// SPDX-License-Identifier: Apache-2.0
//
// The chip's layout of TLSF's structures, for tests that look into a heap's memory.

#pragma once

#include <stddef.h>
#include <stdint.h>

/// Head of a block, as it lies in the chip's memory.  Only `size` belongs to a block in use; the two lowest bits of it tell
/// whether this block and the one before are free.
typedef struct block_header_t {
    uint32_t prev_phys_block;
    uint32_t size;
    uint32_t next_free;
    uint32_t prev_free;
} block_header_t;

/// The start of a heap's control structure; `size` is that of the whole.
typedef struct control_t {
    block_header_t block_null;
    uint32_t parameters;
    uint32_t size;
    uint32_t fl_bitmap;
    uint32_t sl_bitmap;
    uint32_t blocks;
} control_t;

static const size_t block_header_overhead = sizeof(uint32_t);
