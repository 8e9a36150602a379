// SPDX-License-Identifier: Apache-2.0
//
// Running firmware on an emulated chip: start-up code, scheduler, app_main.  heapline_esp_main.c fills this in from
// sdkconfig.h; a host program (a test, a benchmark, Swift) may do it itself.

#ifndef HEAPLINE_ESP_H
#define HEAPLINE_ESP_H

#include <stdbool.h>
#include <stdint.h>

#include "heapline_chip.h"
#include "heapline_nullability.h"

#ifdef __cplusplus
extern "C" {
#endif

HL_ASSUME_NONNULL_BEGIN

/// What the firmware was configured with.  Zero-initialise, then set what differs; 0 means ESP-IDF's default.
struct hl_esp_config {
    struct hl_chip_options chip;
    uint32_t tick_hz;          ///< CONFIG_FREERTOS_HZ
    uint32_t main_stack_bytes; ///< CONFIG_ESP_MAIN_TASK_STACK_SIZE
    uint32_t ipc_stack_bytes;  ///< CONFIG_ESP_IPC_TASK_STACK_SIZE
    uint32_t idle_stack_bytes; ///< CONFIG_FREERTOS_IDLE_TASK_STACKSIZE
    uint32_t psram_bytes;      ///< external memory found at start-up
    bool psram_in_malloc;      ///< CONFIG_SPIRAM_USE_MALLOC
    uint32_t psram_threshold;  ///< CONFIG_SPIRAM_MALLOC_ALWAYSINTERNAL
    bool skip_idle;            ///< time jumps while every task waits
    bool keep_running;         ///< do not end when app_main returns
    bool boot_log;             ///< print what start-up code prints
    uint32_t hash_map_entries; ///< CONFIG_HEAP_TRACE_HASH_MAP_SIZE, 0: no hash map
    bool hash_map_external;    ///< CONFIG_HEAP_TRACE_HASH_MAP_IN_EXT_RAM
};

/// Makes a chip, runs start-up code, ipc0, ipc1, main and the idle tasks, and `app_main` in main.  Returns the exit
/// status when app_main has returned (0), or when nothing can ever run again (3).  One run per process.
int hl_esp_run(const struct hl_esp_config *config, void (*app_main)(void));

/// The two halves of hl_esp_run for programs that keep control: start-up without app_main, and the end.  Tasks may be
/// created from any thread in between.  Returns 0 or an enum hl_chip_error.
int hl_esp_start(const struct hl_esp_config *config);
void hl_esp_stop(void);

/// Runs `function` in a new task pinned to `core` (0, 1, or -1 for any) and waits until it has returned.  For threads
/// that are no tasks.  False when the emulated heap has no memory for the task.
bool hl_esp_call(int core, unsigned priority, uint32_t stack_bytes, const char *name, void (*function)(void *_Nullable),
                 void *_Nullable context);

/// Keeps the program's arguments for those who ask: the test runner takes names and tags of tests from them.
void hl_esp_arguments(int count, char *_Nonnull *_Nonnull arguments);
int hl_esp_argument_count(void);
const char *_Nonnull hl_esp_argument(int index);

/// The exit status of hl_esp_run once app_main has returned.
void hl_esp_set_status(int status);

/// The text of an enum hl_chip_error.
const char *hl_chip_error_text(int error);

HL_ASSUME_NONNULL_END

#ifdef __cplusplus
}
#endif

#endif
