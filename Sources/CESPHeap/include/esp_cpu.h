// SPDX-License-Identifier: Apache-2.0
//
// The cycle counter of the emulated cores: 160 MHz of the host's clock.

#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint32_t esp_cpu_cycle_count_t;

uint32_t esp_cpu_get_cycle_count(void);
int esp_cpu_get_core_id(void);

#ifdef __cplusplus
}
#endif
