// SPDX-License-Identifier: Apache-2.0
//
// The SystemView heap module, usable without heap_trace_*.

#pragma once

#include <stdarg.h>
#include <stdint.h>

#include <sdkconfig.h>

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Sends what is buffered.
esp_err_t esp_sysview_flush(uint32_t timeout_us);
/// For esp_log_set_vprintf: log text goes into the recording, cut at 128 bytes.
int esp_sysview_vprintf(const char *format, va_list arguments);
/// Starts recording; ESP_ERR_TIMEOUT without a host to record for.  Never waits for ever.
esp_err_t esp_sysview_heap_trace_start(uint32_t timeout_us);
esp_err_t esp_sysview_heap_trace_stop(void);
/// `callers`: exactly CONFIG_HEAP_TRACING_STACK_DEPTH addresses.
void hl_sysview_module_alloc(void *address, uint32_t size, const void *callers, uint32_t depth);
void hl_sysview_module_free(void *address, const void *callers, uint32_t depth);
static inline void esp_sysview_heap_trace_alloc(void *address, uint32_t size, const void *callers) {
    hl_sysview_module_alloc(address, size, callers, CONFIG_HEAP_TRACING_STACK_DEPTH);
}
static inline void esp_sysview_heap_trace_free(void *address, const void *callers) {
    hl_sysview_module_free(address, callers, CONFIG_HEAP_TRACING_STACK_DEPTH);
}

#ifdef __cplusplus
}
#endif
