// SPDX-License-Identifier: Apache-2.0
//
// The part of FreeRTOS that ESP-IDF's heap, its tests and its examples use, on two virtual cores: a task is a host
// thread that runs while it holds its core's token.  Names and semantics are FreeRTOS's; the code is not.

#pragma once

// The chip's port brings these in, and firmware counts on it.
#include <assert.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sdkconfig.h>

#include "esp_err.h"
#include "freertos/FreeRTOSConfig.h"
#include "freertos/projdefs.h"
#include "freertos/portmacro.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Memory of a task, queue, event group or timer the program provides itself.  As large as on the chip.
typedef struct {
    uint32_t opaque[85];
} StaticTask_t;
typedef struct {
    uint32_t opaque[21];
} StaticQueue_t;
typedef StaticQueue_t StaticSemaphore_t;
typedef struct {
    uint32_t opaque[9];
} StaticEventGroup_t;
typedef struct {
    uint32_t opaque[10];
} StaticTimer_t;

/// Prints the condition with its place as the chip's assert does, and ends the program.
void vAssertCalled(const char *condition, const char *file, int line) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif
