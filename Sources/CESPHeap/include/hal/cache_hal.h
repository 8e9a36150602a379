// SPDX-License-Identifier: Apache-2.0
//
// Cache lines of the current chip.

#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { CACHE_TYPE_DATA, CACHE_TYPE_INSTRUCTION, CACHE_TYPE_ALL } cache_type_t;

/// Bytes of a cache line; 0 for memory that is not cached.
uint32_t cache_hal_get_cache_line_size(uint32_t level, cache_type_t type);

#ifdef __cplusplus
}
#endif
