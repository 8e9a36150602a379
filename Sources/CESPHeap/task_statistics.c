// SPDX-License-Identifier: Apache-2.0
//
// The statistics of heap task tracking as data: arrays for the caller, and filling them from the
// records.

#include <stdlib.h>
#include <string.h>

#include "caps.h"
#include "esp_heap_task_info.h"
#include "heap_ops.h"
#include "port.h"
#include "task_records.h"

// Sizes of the three structures on the chip.
enum { CHIP_TASK_STAT = 40, CHIP_HEAP_STAT = 28, CHIP_ALLOC_STAT = 12 };

static struct hl_chip *tracked_chip(void) {
    struct hl_chip *chip = hl_current();
    return chip && chip->tracking ? chip : NULL;
}

static uint32_t chosen_handle(struct hl_chip *chip, TaskHandle_t task) {
    return task ? hl_address_of(chip, task) : hl_port_current_task(chip);
}

// An array for the caller, in host memory with the host's layout; its place on the chip is taken
// with the chip's.
static void *take_array(struct hl_chip *chip, size_t count, uint32_t chip_size, size_t host_size) {
    struct hl_heap *heap = hl_largest_heap(chip);
    struct hl_statistics_array *array = malloc(sizeof *array);
    void *host = calloc(count, host_size);
    uint32_t block = heap && array && host ? hl_heap_malloc(heap, (uint32_t)count * chip_size) : 0;
    if (block == 0) {
        free(array);
        free(host);
        return NULL;
    }
    hl_lock_acquire(&chip->tracking->lock, &chip->port);
    *array = (struct hl_statistics_array){chip->tracking->arrays, host, block};
    chip->tracking->arrays = array;
    hl_lock_release(&chip->tracking->lock);
    return host;
}

static void give_array(struct hl_chip *chip, void *host) {
    if (!host)
        return;
    hl_lock_acquire(&chip->tracking->lock, &chip->port);
    struct hl_statistics_array **link = &chip->tracking->arrays;
    while (*link && (*link)->host != host)
        link = &(*link)->next;
    struct hl_statistics_array *array = *link;
    if (array)
        *link = array->next;
    hl_lock_release(&chip->tracking->lock);
    if (!array) {
        hl_fault_raise(chip, HL_FAULT_ASSERT, 0,
                       "assert failed: heap_caps_free_all_task_stat_arrays heap_task_info.c:881 "
                       "(heap_used_for_alloc != NULL)");
        return;
    }
    struct hl_region_heap *entry = hl_caps_find_heap(chip, array->block);
    if (entry)
        hl_heap_free(hl_registered(entry), array->block);
    free(array->host);
    free(array);
    hl_fault_raise_noted(chip);
}

static size_t alloc_total(struct hl_chip *chip, const struct hl_task_record *task) {
    size_t total = 0;
    uint32_t next = task->first;
    for (struct hl_heap_record *use; (use = hl_heap_record_at(chip, next)) != NULL;
         next = use->next)
        total += use->alloc_count;
    return total;
}

// An array of allocations starts with what the chip's memory holds: entries for which there is no
// record, because there was no memory for one, are not written later.
static heap_task_block_t *take_alloc_array(struct hl_chip *chip, size_t count) {
    heap_task_block_t *array = take_array(chip, count, CHIP_ALLOC_STAT, sizeof(heap_task_block_t));
    if (!array)
        return NULL;
    const uint32_t *words = hl_host(chip, chip->tracking->arrays->block);
    for (size_t i = 0; i < count; i++, words += 3)
        array[i] =
            (heap_task_block_t){hl_chip_pointer(chip, words[0]), hl_host(chip, words[1]), words[2]};
    return array;
}

esp_err_t heap_caps_alloc_all_task_stat_arrays(heap_all_tasks_stat_t *stat) {
    if (!stat)
        return ESP_ERR_INVALID_ARG;
    memset(stat, 0, sizeof *stat);
    struct hl_chip *chip = tracked_chip();
    if (!chip)
        return ESP_ERR_NOT_SUPPORTED;
    hl_lock_acquire(&chip->tracking->lock, &chip->port);
    uint32_t next = chip->tracking->first;
    for (struct hl_task_record *task; (task = hl_task_at(chip, next)) != NULL; next = task->next) {
        stat->task_count++;
        stat->heap_count += task->heap_count;
        stat->alloc_count += alloc_total(chip, task);
    }
    hl_lock_release(&chip->tracking->lock);
    if (stat->task_count != 0 &&
        !(stat->stat_arr = take_array(chip, stat->task_count, CHIP_TASK_STAT, sizeof(task_stat_t))))
        return ESP_FAIL;
    if (stat->heap_count != 0 &&
        !(stat->heap_stat_start =
              take_array(chip, stat->heap_count, CHIP_HEAP_STAT, sizeof(heap_stat_t))))
        return ESP_FAIL;
    if (stat->alloc_count != 0 &&
        !(stat->alloc_stat_start = take_alloc_array(chip, stat->alloc_count)))
        return ESP_FAIL;
    return ESP_OK;
}

esp_err_t heap_caps_alloc_single_task_stat_arrays(heap_single_task_stat_t *stat,
                                                  TaskHandle_t task_handle) {
    if (!stat)
        return ESP_ERR_INVALID_ARG;
    stat->heap_stat_start = NULL;
    stat->alloc_stat_start = NULL;
    stat->heap_count = stat->alloc_count = 0;
    struct hl_chip *chip = tracked_chip();
    if (!chip)
        return ESP_ERR_NOT_SUPPORTED;
    uint32_t handle = chosen_handle(chip, task_handle);
    hl_lock_acquire(&chip->tracking->lock, &chip->port);
    uint32_t next = chip->tracking->first;
    for (struct hl_task_record *task; (task = hl_task_at(chip, next)) != NULL; next = task->next) {
        if (task->handle != handle || !task->is_alive)
            continue;
        stat->heap_count = task->heap_count;
        stat->alloc_count = alloc_total(chip, task);
        break;
    }
    hl_lock_release(&chip->tracking->lock);
    if (stat->heap_count != 0 &&
        !(stat->heap_stat_start =
              take_array(chip, stat->heap_count, CHIP_HEAP_STAT, sizeof(heap_stat_t))))
        return ESP_FAIL;
    if (stat->alloc_count != 0 &&
        !(stat->alloc_stat_start = take_alloc_array(chip, stat->alloc_count)))
        return ESP_FAIL;
    return ESP_OK;
}

void heap_caps_free_all_task_stat_arrays(heap_all_tasks_stat_t *stat) {
    struct hl_chip *chip = tracked_chip();
    if (!stat || !chip)
        return;
    give_array(chip, stat->stat_arr);
    give_array(chip, stat->heap_stat_start);
    give_array(chip, stat->alloc_stat_start);
    memset(stat, 0, sizeof *stat);
}

void heap_caps_free_single_task_stat_arrays(heap_single_task_stat_t *stat) {
    struct hl_chip *chip = tracked_chip();
    if (!stat || !chip)
        return;
    give_array(chip, stat->heap_stat_start);
    give_array(chip, stat->alloc_stat_start);
    stat->heap_stat_start = NULL;
    stat->alloc_stat_start = NULL;
    stat->heap_count = stat->alloc_count = 0;
}

static void fill_task(struct hl_chip *chip, const struct hl_task_record *task, task_stat_t *stat) {
    memcpy(stat->name, task->name, sizeof stat->name);
    stat->handle = hl_chip_pointer(chip, task->handle);
    stat->is_alive = task->is_alive != 0;
    stat->overall_peak_usage = task->peak;
    stat->overall_current_usage = task->current;
    stat->heap_count = task->heap_count;
    stat->heap_stat = NULL;
}

// One heap with its allocations where they all fit from `allocs`; returns how many were filled.
static size_t fill_heap(struct hl_chip *chip, const struct hl_heap_record *use, heap_stat_t *stat,
                        heap_task_block_t *allocs, size_t room) {
    struct hl_region_heap *entry = hl_caps_find_heap(chip, use->heap);
    *stat = (heap_stat_t){.name = entry ? entry->type : NULL,
                          .caps = use->caps,
                          .size = use->size,
                          .current_usage = use->current,
                          .peak_usage = use->peak,
                          .alloc_count = use->alloc_count};
    if (use->alloc_count > room)
        return 0;
    stat->alloc_stat = allocs;
    size_t count = 0;
    uint32_t next = use->first;
    for (struct hl_alloc_record *alloc;
         count < use->alloc_count && (alloc = hl_alloc_at(chip, next)) != NULL; next = alloc->next)
        allocs[count++] = (heap_task_block_t){.task = hl_chip_pointer(chip, alloc->task),
                                              .address = hl_host(chip, alloc->address),
                                              .size = alloc->size};
    return use->alloc_count;
}

esp_err_t heap_caps_get_all_task_stat(heap_all_tasks_stat_t *stat) {
    if (!stat || (!stat->stat_arr && stat->task_count != 0) ||
        (!stat->heap_stat_start && stat->heap_count != 0) ||
        (!stat->alloc_stat_start && stat->alloc_count != 0))
        return ESP_ERR_INVALID_ARG;
    struct hl_chip *chip = tracked_chip();
    if (!chip)
        return ESP_ERR_NOT_SUPPORTED;
    size_t tasks = 0, heaps = 0, allocs = 0;
    hl_lock_acquire(&chip->tracking->lock, &chip->port);
    uint32_t next = chip->tracking->first;
    for (struct hl_task_record *task;
         tasks < stat->task_count && (task = hl_task_at(chip, next)) != NULL; next = task->next) {
        task_stat_t *one = &stat->stat_arr[tasks++];
        fill_task(chip, task, one);
        if (heaps + task->heap_count > stat->heap_count)
            continue;
        one->heap_stat = stat->heap_stat_start + heaps;
        uint32_t next_heap = task->first, filled = 0;
        for (struct hl_heap_record *use;
             filled < task->heap_count && (use = hl_heap_record_at(chip, next_heap)) != NULL;
             next_heap = use->next)
            allocs += fill_heap(chip, use, &one->heap_stat[filled++],
                                stat->alloc_stat_start + allocs, stat->alloc_count - allocs);
        heaps += task->heap_count;
    }
    hl_lock_release(&chip->tracking->lock);
    stat->task_count = tasks;
    stat->heap_count = heaps;
    stat->alloc_count = allocs;
    return hl_fault_raise_noted(chip) ? ESP_FAIL : ESP_OK;
}

esp_err_t heap_caps_get_single_task_stat(heap_single_task_stat_t *stat, TaskHandle_t task_handle) {
    if (!stat || (!stat->heap_stat_start && stat->heap_count != 0) ||
        (!stat->alloc_stat_start && stat->alloc_count != 0))
        return ESP_ERR_INVALID_ARG;
    struct hl_chip *chip = tracked_chip();
    if (!chip)
        return ESP_ERR_NOT_SUPPORTED;
    uint32_t handle = chosen_handle(chip, task_handle);
    hl_lock_acquire(&chip->tracking->lock, &chip->port);
    uint32_t next = chip->tracking->first;
    struct hl_task_record *task;
    while ((task = hl_task_at(chip, next)) != NULL && task->handle != handle)
        next = task->next;
    if (task) {
        fill_task(chip, task, &stat->stat);
        stat->stat.heap_stat = stat->heap_stat_start;
        size_t heaps = 0, allocs = 0;
        uint32_t next_heap = task->first;
        for (struct hl_heap_record *use;
             heaps < stat->heap_count && (use = hl_heap_record_at(chip, next_heap)) != NULL;
             next_heap = use->next)
            allocs += fill_heap(chip, use, &stat->heap_stat_start[heaps++],
                                stat->alloc_stat_start + allocs, stat->alloc_count - allocs);
        stat->heap_count = heaps;
        stat->alloc_count = allocs;
    }
    hl_lock_release(&chip->tracking->lock);
    return hl_fault_raise_noted(chip) || !task ? ESP_FAIL : ESP_OK;
}
