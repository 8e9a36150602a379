// SPDX-License-Identifier: Apache-2.0
//
// The program's entry: compiled together with the firmware, so that sdkconfig.h means the same here as there.  Starts the
// chip it describes and runs app_main.

#include <stdlib.h>

#include "esp_idf_version.h"
#include "heapline_esp.h"
#include <sdkconfig.h>

void app_main(void);

static enum hl_idf generation(void) {
#if ESP_IDF_VERSION < ESP_IDF_VERSION_VAL(4, 4, 4) && ESP_IDF_VERSION != ESP_IDF_VERSION_VAL(4, 3, 5)
    return HL_IDF_4_4;
#elif ESP_IDF_VERSION < ESP_IDF_VERSION_VAL(5, 0, 0)
    return HL_IDF_4_4_8;
#elif ESP_IDF_VERSION == ESP_IDF_VERSION_VAL(5, 0, 0)
    return HL_IDF_4_4;
#elif ESP_IDF_VERSION < ESP_IDF_VERSION_VAL(5, 4, 0)
    return HL_IDF_5_3;
#elif ESP_IDF_VERSION < ESP_IDF_VERSION_VAL(5, 5, 0)
    return HL_IDF_5_4;
#else
    return HL_IDF_5_5;
#endif
}

static bool is_set(const char *variable) {
    const char *value = getenv(variable);
    return value && *value && *value != '0';
}

int main(int argc, char **argv) {
    struct hl_esp_config config = {
        .chip =
            {
                .target = CONFIG_IDF_TARGET,
                .idf = generation(),
#if CONFIG_HEAP_POISONING_COMPREHENSIVE
                .poisoning = HL_POISONING_COMPREHENSIVE,
#elif CONFIG_HEAP_POISONING_LIGHT
                .poisoning = HL_POISONING_LIGHT,
#endif
#if CONFIG_HEAP_TASK_TRACKING && CONFIG_HEAP_TRACK_DELETED_TASKS
                .tracking = HL_TRACKING_KEEP_DELETED,
#elif CONFIG_HEAP_TASK_TRACKING
                .tracking = HL_TRACKING_ALIVE,
#endif
#if !CONFIG_ESP_SYSTEM_MEMPROT_FEATURE && !CONFIG_ESP_SYSTEM_MEMPROT
                .no_memory_protection = true,
#endif
#if CONFIG_HEAP_USE_HOOKS
                .hooks = true,
#endif
#if CONFIG_HEAP_ABORT_WHEN_ALLOCATION_FAILS
                .abort_on_failure = true,
#endif
#if CONFIG_ESP32_IRAM_AS_8BIT_ACCESSIBLE_MEMORY
                .iram_8bit = true,
#endif
#if CONFIG_FREERTOS_UNICORE
                .single_core = true,
#endif
#if CONFIG_SPIRAM
                .psram = true,
#endif
            },
        .tick_hz = CONFIG_FREERTOS_HZ,
        .main_stack_bytes = CONFIG_ESP_MAIN_TASK_STACK_SIZE,
        .ipc_stack_bytes = CONFIG_ESP_IPC_TASK_STACK_SIZE,
        .idle_stack_bytes = CONFIG_FREERTOS_IDLE_TASK_STACKSIZE,
#if CONFIG_SPIRAM
        .psram_bytes = CONFIG_HEAPLINE_PSRAM_BYTES,
        .psram_in_malloc = CONFIG_SPIRAM_USE_MALLOC,
        .psram_threshold = CONFIG_SPIRAM_MALLOC_ALWAYSINTERNAL,
#endif
#if CONFIG_HEAP_TRACE_HASH_MAP
        .hash_map_entries = CONFIG_HEAP_TRACE_HASH_MAP_SIZE,
#endif
#if CONFIG_HEAP_TRACE_HASH_MAP_IN_EXT_RAM
        .hash_map_external = true,
#endif
        .skip_idle = is_set("HEAPLINE_ESP_SKIP_IDLE"),
        .keep_running = is_set("HEAPLINE_ESP_KEEP_RUNNING"),
        .boot_log = is_set("HEAPLINE_ESP_BOOT_LOG"),
    };
    hl_esp_arguments(argc, argv);
    return hl_esp_run(&config, app_main);
}
