// SPDX-License-Identifier: Apache-2.0
//
// ESP-IDF's system functions, as far as they make sense here.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "esp_attr.h"
#include "esp_err.h"
#include "esp_idf_version.h"
#include <sdkconfig.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    ESP_RST_UNKNOWN,
    ESP_RST_POWERON,
    ESP_RST_EXT,
    ESP_RST_SW,
    ESP_RST_PANIC,
} esp_reset_reason_t;

typedef void (*shutdown_handler_t)(void);

/// Bytes free in memory malloc may return.
uint32_t esp_get_free_heap_size(void);
uint32_t esp_get_free_internal_heap_size(void);
uint32_t esp_get_minimum_free_heap_size(void);
/// Runs the shutdown handlers and ends the program with status 0.
void esp_restart(void) __attribute__((noreturn));
/// Prints the text and ends the program as abort does.
void esp_system_abort(const char *details) __attribute__((noreturn));
esp_reset_reason_t esp_reset_reason(void);
esp_err_t esp_register_shutdown_handler(shutdown_handler_t handler);
esp_err_t esp_unregister_shutdown_handler(shutdown_handler_t handler);

#ifdef __cplusplus
}
#endif
