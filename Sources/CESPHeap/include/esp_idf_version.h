// SPDX-License-Identifier: Apache-2.0
//
// The ESP-IDF release whose interface these headers follow.  heapline esp run defines the three numbers from --idf.

#pragma once

#ifndef ESP_IDF_VERSION_MAJOR
#define ESP_IDF_VERSION_MAJOR 5
#define ESP_IDF_VERSION_MINOR 5
#define ESP_IDF_VERSION_PATCH 0
#endif
#define ESP_IDF_VERSION_VAL(major, minor, patch) (((major) << 16) | ((minor) << 8) | (patch))
#define ESP_IDF_VERSION ESP_IDF_VERSION_VAL(ESP_IDF_VERSION_MAJOR, ESP_IDF_VERSION_MINOR, ESP_IDF_VERSION_PATCH)

#ifdef __cplusplus
extern "C" {
#endif

/// "v5.5.0" and the like.
static inline const char *esp_get_idf_version(void) {
#define HL_TEXT_(x) #x
#define HL_TEXT(x) HL_TEXT_(x)
    return "v" HL_TEXT(ESP_IDF_VERSION_MAJOR) "." HL_TEXT(ESP_IDF_VERSION_MINOR) "." HL_TEXT(ESP_IDF_VERSION_PATCH);
#undef HL_TEXT
#undef HL_TEXT_
}

#ifdef __cplusplus
}
#endif
