// SPDX-License-Identifier: Apache-2.0
//
// See include/tlsf.h.

#pragma once

#include "include/tlsf.h"

/// Size of a block's data.
static inline size_t block_size(const block_header_t *block) {
    return block->size & ~(size_t)3;
}
