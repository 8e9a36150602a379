// SPDX-License-Identifier: Apache-2.0
//
// What kind of memory an address of the current chip belongs to.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_attr.h"
#include <sdkconfig.h>

#ifdef __cplusplus
extern "C" {
#endif

bool esp_ptr_internal(const void *pointer);
bool esp_ptr_external_ram(const void *pointer);
bool esp_ptr_byte_accessible(const void *pointer);
bool esp_ptr_dma_capable(const void *pointer);
bool esp_ptr_dma_ext_capable(const void *pointer);
bool esp_ptr_executable(const void *pointer);
bool esp_ptr_in_dram(const void *pointer);
bool esp_ptr_in_iram(const void *pointer);
bool esp_ptr_in_diram_dram(const void *pointer);
bool esp_ptr_in_diram_iram(const void *pointer);
bool esp_ptr_in_rtc_dram_fast(const void *pointer);
bool esp_ptr_in_rtc_iram_fast(const void *pointer);
bool esp_ptr_in_rtc_slow(const void *pointer);
/// The instruction bus's address of a data address in D/IRAM, and the reverse.
void *esp_ptr_diram_dram_to_iram(const void *pointer);
void *esp_ptr_diram_iram_to_dram(const void *pointer);
static inline bool esp_ptr_word_aligned(const void *pointer) {
    return (uintptr_t)pointer % 4 == 0;
}

#ifdef __cplusplus
}
#endif
