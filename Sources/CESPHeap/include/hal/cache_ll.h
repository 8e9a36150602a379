// SPDX-License-Identifier: Apache-2.0
//
// Cache levels, as cache_hal_get_cache_line_size takes them.

#pragma once

#define CACHE_LL_LEVEL_INT_MEM 1
#define CACHE_LL_LEVEL_EXT_MEM 2
