// SPDX-License-Identifier: Apache-2.0
//
// Start-up of the capability allocator, and regions added at run time. Signatures are ESP-IDF's.

#ifndef HEAPLINE_ESP_HEAP_CAPS_INIT_H
#define HEAPLINE_ESP_HEAP_CAPS_INIT_H

#include <stdbool.h>
#include <stdint.h>

#include "esp_err.h"
#include "heapline_nullability.h"

#ifdef __cplusplus
extern "C" {
#endif

HL_ASSUME_NONNULL_BEGIN

/// Finds the chip's free memory and makes a heap of each piece. Called once, when the chip starts.
void heap_caps_init(void);

/// Registers the heaps in memory that the start-up code used as its stack.
void heap_caps_enable_nonos_stack_heaps(void);

/// Adds memory of a known region type. ESP_ERR_INVALID_ARG: start is 0; ESP_ERR_NOT_FOUND: no
/// region holds it.
esp_err_t heap_caps_add_region(intptr_t start, intptr_t end);

/// Adds memory with three capability words, one per priority. ESP_ERR_INVALID_ARG: a null or empty
/// argument; ESP_FAIL: it overlaps a heap; ESP_ERR_NO_MEM: no memory for the heap's descriptor;
/// ESP_ERR_INVALID_SIZE: too small.
esp_err_t heap_caps_add_region_with_caps(const uint32_t caps[_Nullable], intptr_t start,
                                         intptr_t end);

HL_ASSUME_NONNULL_END

#ifdef __cplusplus
}
#endif

#endif
