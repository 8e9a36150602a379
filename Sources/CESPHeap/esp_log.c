// SPDX-License-Identifier: Apache-2.0
//
// Log levels and output of esp_log.h.

#include "esp_log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "esp_sysview_heap_trace_module.h"
#include "heap_trace_host.h"
#include "kernel.h"
#include "log_level.h"

enum { MAXIMUM_TAGS = 64, TAG_BYTES = 32, LINE_BYTES = 512 };

_Thread_local unsigned hl_log_level_here __attribute__((tls_model("initial-exec")));

static _Atomic(vprintf_like_t) output;
static _Atomic int default_level = CONFIG_LOG_DEFAULT_LEVEL;
static _Atomic bool has_tag_levels;
static pthread_mutex_t tags_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    char tag[TAG_BYTES];
    esp_log_level_t level;
} tags[MAXIMUM_TAGS];
static unsigned tag_count;

uint32_t esp_log_timestamp(void) {
    return (uint32_t)(hl_kernel_now_us() / 1000);
}

uint32_t esp_log_early_timestamp(void) {
    return esp_log_timestamp();
}

vprintf_like_t esp_log_set_vprintf(vprintf_like_t function) {
    vprintf_like_t before = atomic_exchange(&output, function);
    return before ? before : vprintf;
}

void esp_log_level_set(const char *tag, esp_log_level_t level) {
    pthread_mutex_lock(&tags_lock);
    if (strcmp(tag, "*") == 0) {
        atomic_store(&default_level, (int)level);
        tag_count = 0;
        atomic_store(&has_tag_levels, false);
    } else {
        unsigned index = 0;
        while (index < tag_count && strncmp(tags[index].tag, tag, TAG_BYTES - 1) != 0)
            index++;
        if (index < MAXIMUM_TAGS) {
            snprintf(tags[index].tag, TAG_BYTES, "%s", tag);
            tags[index].level = level;
            if (index == tag_count)
                tag_count++;
            atomic_store(&has_tag_levels, true);
        }
    }
    pthread_mutex_unlock(&tags_lock);
}

esp_log_level_t esp_log_level_get(const char *tag) {
    esp_log_level_t level = (esp_log_level_t)atomic_load(&default_level);
    if (!atomic_load(&has_tag_levels))
        return level;
    pthread_mutex_lock(&tags_lock);
    for (unsigned index = 0; index < tag_count; index++) {
        if (strncmp(tags[index].tag, tag, TAG_BYTES - 1) == 0)
            level = tags[index].level;
    }
    pthread_mutex_unlock(&tags_lock);
    return level;
}

static void send_to_host(esp_log_level_t level, const char *format, va_list arguments) {
    char text[LINE_BYTES];
    va_list again;
    va_copy(again, arguments);
    vsnprintf(text, sizeof text, format, again);
    va_end(again);
    hl_trace_host_print(text, (unsigned)level);
}

void esp_log_writev(esp_log_level_t level, const char *tag, const char *format, va_list arguments) {
    if (level > esp_log_level_get(tag))
        return;
    vprintf_like_t function = atomic_load(&output);
    // What the firmware sends to the host arrives there anyway.
    if (function != esp_sysview_vprintf && hl_trace_host_wants_logs())
        send_to_host(level, format, arguments);
    hl_log_level_here = (unsigned)level;
    if (function)
        function(format, arguments);
    else
        vprintf(format, arguments);
    hl_log_level_here = 0;
    hl_kernel_checkpoint();
}

void esp_log_write(esp_log_level_t level, const char *tag, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    esp_log_writev(level, tag, format, arguments);
    va_end(arguments);
}

void esp_log_buffer_hex_internal(const char *tag, const void *buffer, uint16_t length, esp_log_level_t level) {
    enum { BYTES_PER_LINE = 16 };
    const uint8_t *bytes = buffer;
    for (unsigned start = 0; start < length; start += BYTES_PER_LINE) {
        char line[BYTES_PER_LINE * 3 + 1] = "";
        for (unsigned i = start; i < length && i < start + BYTES_PER_LINE; i++)
            snprintf(line + (i - start) * 3, 4, "%02x ", bytes[i]);
        ESP_LOG_LEVEL(level, tag, "%s", line);
    }
}
