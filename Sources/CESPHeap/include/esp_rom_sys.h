// SPDX-License-Identifier: Apache-2.0
//
// Functions of the chip's ROM.

#pragma once

#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define esp_rom_printf(...) printf(__VA_ARGS__)
void esp_rom_delay_us(uint32_t us);
uint32_t esp_rom_get_cpu_ticks_per_us(void);

#ifdef __cplusplus
}
#endif
