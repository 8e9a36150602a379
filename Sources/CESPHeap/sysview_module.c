// SPDX-License-Identifier: Apache-2.0
//
// esp_sysview_heap_trace_module.h on the recording for the host.

#include "esp_sysview_heap_trace_module.h"

#include <stdio.h>

#include "heap_trace_host.h"
#include "log_level.h"

enum { MAXIMUM_DEPTH = 32, TEXT_BYTES = 256 };

esp_err_t esp_sysview_flush(uint32_t timeout_us) {
    (void)timeout_us;
    return ESP_OK;
}

int esp_sysview_vprintf(const char *format, va_list arguments) {
    char text[TEXT_BYTES];
    int length = vsnprintf(text, sizeof text, format, arguments);
    hl_trace_host_print(text, hl_log_level_here);
    return length;
}

esp_err_t esp_sysview_heap_trace_start(uint32_t timeout_us) {
    (void)timeout_us;
    return hl_trace_host_start(CONFIG_HEAP_TRACING_STACK_DEPTH);
}

esp_err_t esp_sysview_heap_trace_stop(void) {
    return hl_trace_host_stop();
}

static uint32_t copy_stack(uint64_t *stack, const void *callers, uint32_t depth) {
    void *const *frames = callers;
    if (depth > MAXIMUM_DEPTH)
        depth = MAXIMUM_DEPTH;
    for (uint32_t i = 0; i < depth; i++)
        stack[i] = (uintptr_t)frames[i];
    return depth;
}

void hl_sysview_module_alloc(void *address, uint32_t size, const void *callers, uint32_t depth) {
    uint64_t stack[MAXIMUM_DEPTH];
    depth = copy_stack(stack, callers, depth);
    hl_trace_host_allocation((uintptr_t)address, size, stack, depth);
}

void hl_sysview_module_free(void *address, const void *callers, uint32_t depth) {
    uint64_t stack[MAXIMUM_DEPTH];
    depth = copy_stack(stack, callers, depth);
    hl_trace_host_free((uintptr_t)address, stack, depth);
}
