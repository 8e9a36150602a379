// SPDX-License-Identifier: Apache-2.0
//
// ESP-IDF's heap task tracking: which task holds how much of which heap. Both generations of the
// interface. Works on a chip made with task tracking; without it every function reports nothing.

#ifndef HEAPLINE_ESP_HEAP_TASK_INFO_H
#define HEAPLINE_ESP_HEAP_TASK_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "esp_err.h"
#include "heapline_nullability.h"
#if defined(__has_include)
#if __has_include("freertos/FreeRTOS.h")
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

HL_ASSUME_NONNULL_BEGIN

struct tskTaskControlBlock;
typedef struct tskTaskControlBlock *_Nullable TaskHandle_t;

#ifndef configMAX_TASK_NAME_LEN
#define configMAX_TASK_NAME_LEN 16
#endif

#define NUM_HEAP_TASK_CAPS 4

/// One live allocation.
typedef struct {
    TaskHandle_t task; ///< The task that made it; null before the scheduler started.
    void *address;     ///< Where it is.
    uint32_t size;     ///< Size of its block.
} heap_task_block_t;

/// What one task holds of one heap.
typedef struct {
    const char *_Nullable name;              ///< Name of the heap's memory type.
    uint32_t caps;                           ///< Capabilities of all priorities.
    size_t size;                             ///< Size of the heap.
    size_t current_usage;                    ///< Bytes held now.
    size_t peak_usage;                       ///< The most bytes held at once.
    size_t alloc_count;                      ///< Number of allocations held.
    heap_task_block_t *_Nullable alloc_stat; ///< They, or null where the array was too small.
} heap_stat_t;

/// What one task holds.
typedef struct {
    char name[configMAX_TASK_NAME_LEN];
    TaskHandle_t handle;
    bool is_alive;
    size_t overall_peak_usage;
    size_t overall_current_usage;
    size_t heap_count;
    heap_stat_t *_Nullable heap_stat;
} task_stat_t;

/// Statistics of one task. Arrays and their capacities are the caller's; the counts are set to what
/// was filled.
typedef struct {
    task_stat_t stat;
    size_t heap_count;
    heap_stat_t *_Nullable heap_stat_start;
    size_t alloc_count;
    heap_task_block_t *_Nullable alloc_stat_start;
} heap_single_task_stat_t;

/// Statistics of all tasks. Arrays and their capacities are the caller's; the counts are set to
/// what was filled.
typedef struct {
    size_t task_count;
    task_stat_t *_Nullable stat_arr;
    size_t heap_count;
    heap_stat_t *_Nullable heap_stat_start;
    size_t alloc_count;
    heap_task_block_t *_Nullable alloc_stat_start;
} heap_all_tasks_stat_t;

esp_err_t heap_caps_get_all_task_stat(heap_all_tasks_stat_t *_Nullable tasks_stat);
esp_err_t heap_caps_get_single_task_stat(heap_single_task_stat_t *_Nullable task_stat,
                                         TaskHandle_t task_handle);

/// Allocates the arrays from the chip's largest heap (at the chip's sizes), to be freed by the next
/// two functions.
esp_err_t heap_caps_alloc_all_task_stat_arrays(heap_all_tasks_stat_t *_Nullable tasks_stat);
esp_err_t heap_caps_alloc_single_task_stat_arrays(heap_single_task_stat_t *_Nullable task_stat,
                                                  TaskHandle_t task_handle);
void heap_caps_free_all_task_stat_arrays(heap_all_tasks_stat_t *_Nullable tasks_stat);
void heap_caps_free_single_task_stat_arrays(heap_single_task_stat_t *_Nullable task_stat);

/// Null streams mean the chip's console.
void heap_caps_print_all_task_stat(FILE *_Nullable stream);
void heap_caps_print_single_task_stat(FILE *_Nullable stream, TaskHandle_t task_handle);
void heap_caps_print_all_task_stat_overview(FILE *_Nullable stream);
void heap_caps_print_single_task_stat_overview(FILE *_Nullable stream, TaskHandle_t task_handle);

/// Totals of one task, by capability column.
typedef struct {
    TaskHandle_t task;
    size_t size[NUM_HEAP_TASK_CAPS];
    size_t count[NUM_HEAP_TASK_CAPS];
} heap_task_totals_t;

/// Question and answer space of `heap_caps_get_per_task_info`.
typedef struct {
    int32_t caps[NUM_HEAP_TASK_CAPS];     ///< A heap belongs to the first column i with
    int32_t mask[NUM_HEAP_TASK_CAPS];     ///< (its capabilities & mask[i]) == caps[i].
    TaskHandle_t *_Nullable tasks;        ///< Tasks whose blocks are wanted; null for all.
    size_t num_tasks;                     ///< Number of `tasks`.
    heap_task_totals_t *_Nullable totals; ///< Totals by task.
    size_t *_Nullable num_totals;         ///< In: entries there are; out: entries used.
    size_t max_totals;                    ///< Capacity of `totals`.
    heap_task_block_t *_Nullable blocks;  ///< Blocks, if wanted.
    size_t max_blocks;                    ///< Capacity of `blocks`.
} heap_task_info_params_t;

/// The older interface: fills totals and blocks by walking the heaps; returns the number of blocks
/// filled.
size_t heap_caps_get_per_task_info(heap_task_info_params_t *params);

HL_ASSUME_NONNULL_END

#ifdef __cplusplus
}
#endif

#endif
