// SPDX-License-Identifier: Apache-2.0
//
// Alignment for the cache and DMA is inside heap_caps_malloc; nothing of this is needed by name.

#pragma once

#include <stdlib.h>

#include "esp_err.h"
#include "esp_heap_caps.h"
