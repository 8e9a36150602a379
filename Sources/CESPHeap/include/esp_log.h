// SPDX-License-Identifier: Apache-2.0
//
// ESP-IDF's logging: "I (123) tag: text", with the emulated time in milliseconds.

#pragma once

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <sdkconfig.h>

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    ESP_LOG_NONE,
    ESP_LOG_ERROR,
    ESP_LOG_WARN,
    ESP_LOG_INFO,
    ESP_LOG_DEBUG,
    ESP_LOG_VERBOSE,
    ESP_LOG_MAX,
} esp_log_level_t;

typedef int (*vprintf_like_t)(const char *format, va_list arguments);

#ifndef LOG_LOCAL_LEVEL
#define LOG_LOCAL_LEVEL CONFIG_LOG_MAXIMUM_LEVEL
#endif

#if defined(CONFIG_LOG_COLORS) && CONFIG_LOG_COLORS
#define LOG_COLOR(code) "\033[0;" code "m"
#define LOG_COLOR_E LOG_COLOR("31")
#define LOG_COLOR_W LOG_COLOR("33")
#define LOG_COLOR_I LOG_COLOR("32")
#define LOG_RESET_COLOR "\033[0m"
#else
#define LOG_COLOR_E
#define LOG_COLOR_W
#define LOG_COLOR_I
#define LOG_RESET_COLOR
#endif
#define LOG_COLOR_D
#define LOG_COLOR_V

#define LOG_FORMAT(letter, format) LOG_COLOR_##letter #letter " (%" PRIu32 ") %s: " format LOG_RESET_COLOR "\n"

/// Milliseconds since start-up.
uint32_t esp_log_timestamp(void);
uint32_t esp_log_early_timestamp(void);
/// Sends log text through `function` from now on; returns the one before.
vprintf_like_t esp_log_set_vprintf(vprintf_like_t function);
/// Sets the level of one tag, or with "*" of all tags.
void esp_log_level_set(const char *tag, esp_log_level_t level);
esp_log_level_t esp_log_level_get(const char *tag);
void esp_log_write(esp_log_level_t level, const char *tag, const char *format, ...) __attribute__((format(printf, 3, 4)));
void esp_log_writev(esp_log_level_t level, const char *tag, const char *format, va_list arguments);
void esp_log_buffer_hex_internal(const char *tag, const void *buffer, uint16_t length, esp_log_level_t level);

#define ESP_LOG_LEVEL(level, tag, format, ...) \
    do { \
        if ((level) == ESP_LOG_ERROR) \
            esp_log_write(ESP_LOG_ERROR, tag, LOG_FORMAT(E, format), esp_log_timestamp(), tag, ##__VA_ARGS__); \
        else if ((level) == ESP_LOG_WARN) \
            esp_log_write(ESP_LOG_WARN, tag, LOG_FORMAT(W, format), esp_log_timestamp(), tag, ##__VA_ARGS__); \
        else if ((level) == ESP_LOG_DEBUG) \
            esp_log_write(ESP_LOG_DEBUG, tag, LOG_FORMAT(D, format), esp_log_timestamp(), tag, ##__VA_ARGS__); \
        else if ((level) == ESP_LOG_VERBOSE) \
            esp_log_write(ESP_LOG_VERBOSE, tag, LOG_FORMAT(V, format), esp_log_timestamp(), tag, ##__VA_ARGS__); \
        else \
            esp_log_write(ESP_LOG_INFO, tag, LOG_FORMAT(I, format), esp_log_timestamp(), tag, ##__VA_ARGS__); \
    } while (0)
#define ESP_LOG_LEVEL_LOCAL(level, tag, format, ...) \
    do { \
        if (LOG_LOCAL_LEVEL >= (level)) \
            ESP_LOG_LEVEL(level, tag, format, ##__VA_ARGS__); \
    } while (0)

#define ESP_LOGE(tag, format, ...) ESP_LOG_LEVEL_LOCAL(ESP_LOG_ERROR, tag, format, ##__VA_ARGS__)
#define ESP_LOGW(tag, format, ...) ESP_LOG_LEVEL_LOCAL(ESP_LOG_WARN, tag, format, ##__VA_ARGS__)
#define ESP_LOGI(tag, format, ...) ESP_LOG_LEVEL_LOCAL(ESP_LOG_INFO, tag, format, ##__VA_ARGS__)
#define ESP_LOGD(tag, format, ...) ESP_LOG_LEVEL_LOCAL(ESP_LOG_DEBUG, tag, format, ##__VA_ARGS__)
#define ESP_LOGV(tag, format, ...) ESP_LOG_LEVEL_LOCAL(ESP_LOG_VERBOSE, tag, format, ##__VA_ARGS__)
#define ESP_EARLY_LOGE ESP_LOGE
#define ESP_EARLY_LOGW ESP_LOGW
#define ESP_EARLY_LOGI ESP_LOGI
#define ESP_EARLY_LOGD ESP_LOGD
#define ESP_EARLY_LOGV ESP_LOGV
#define ESP_DRAM_LOGE ESP_LOGE
#define ESP_DRAM_LOGW ESP_LOGW
#define ESP_DRAM_LOGI ESP_LOGI
#define ESP_DRAM_LOGD ESP_LOGD
#define ESP_DRAM_LOGV ESP_LOGV
#define ESP_LOG_BUFFER_HEX_LEVEL(tag, buffer, length, level) \
    do { \
        if (LOG_LOCAL_LEVEL >= (level)) \
            esp_log_buffer_hex_internal(tag, buffer, length, level); \
    } while (0)
#define ESP_LOG_BUFFER_HEX(tag, buffer, length) ESP_LOG_BUFFER_HEX_LEVEL(tag, buffer, length, ESP_LOG_INFO)

#ifdef __cplusplus
}
#endif
