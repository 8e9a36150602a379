// SPDX-License-Identifier: Apache-2.0
//
// Operations of task tracking: task, taskof, t_over, t_all, t_one, t_oneover, t_get_all, t_info.

#include <stdlib.h>
#include <string.h>

#include "esp_heap_task_info.h"
#include "script.h"

// Remembers the name of a task; a later name replaces an earlier one.
static bool name_task(struct hl_script *script, uint32_t handle, const char *name) {
    size_t index = 0;
    while (index < script->task_count && script->tasks[index].handle != handle)
        index++;
    if (index == script->task_count) {
        struct hl_script_task *tasks = realloc(script->tasks, (index + 1) * sizeof *tasks);
        if (!tasks)
            return hl_script_refuse(script, "out of memory");
        script->tasks = tasks;
        script->task_count++;
    }
    struct hl_script_task *task = &script->tasks[index];
    memset(task, 0, sizeof *task);
    task->handle = handle;
    strncpy(task->name, name, sizeof task->name - 1);
    return true;
}

static bool run_task(struct hl_script *script) {
    uint32_t handle;
    if (!hl_script_number(script, 1, &handle) ||
        (script->field_count > 2 && !name_task(script, handle, script->fields[2])))
        return false;
    script->task = handle;
    hl_script_result_ok(script);
    return true;
}

static bool run_taskof(struct hl_script *script) {
    struct hl_slot *slot;
    if (!hl_script_slot(script, 1, &slot) || !name_task(script, slot->address, script->fields[2]))
        return false;
    script->task = slot->address;
    hl_script_result_address(script, slot->address);
    return true;
}

static bool run_t_over(struct hl_script *script) {
    heap_caps_print_all_task_stat_overview(NULL);
    hl_script_result_ok(script);
    return true;
}

static bool run_t_all(struct hl_script *script) {
    heap_caps_print_all_task_stat(NULL);
    hl_script_result_ok(script);
    return true;
}

static bool run_t_one(struct hl_script *script) {
    uint32_t handle;
    if (!hl_script_number(script, 1, &handle))
        return false;
    heap_caps_print_single_task_stat(NULL, hl_chip_pointer(script->chip, handle));
    hl_script_result_ok(script);
    return true;
}

static bool run_t_oneover(struct hl_script *script) {
    uint32_t handle;
    if (!hl_script_number(script, 1, &handle))
        return false;
    heap_caps_print_single_task_stat_overview(NULL, hl_chip_pointer(script->chip, handle));
    hl_script_result_ok(script);
    return true;
}

static void list_heap(struct hl_script *script, const heap_stat_t *heap) {
    hl_script_item(script, " heap %s caps=0x%x size=%zu cur=%zu peak=%zu n=%zu",
                   heap->name ? heap->name : "(null)", heap->caps, heap->size, heap->current_usage,
                   heap->peak_usage, heap->alloc_count);
    for (size_t i = 0; heap->alloc_stat && i < heap->alloc_count; i++)
        hl_script_item(script, "  0x%08x %u task 0x%08x",
                       hl_chip_address(script->chip, heap->alloc_stat[i].address),
                       heap->alloc_stat[i].size,
                       hl_chip_address(script->chip, heap->alloc_stat[i].task));
}

static bool run_t_get_all(struct hl_script *script) {
    heap_all_tasks_stat_t stat = {0};
    esp_err_t error = heap_caps_alloc_all_task_stat_arrays(&stat);
    hl_script_item(script, "alloc err=0x%x tasks=%zu heaps=%zu allocs=%zu", (unsigned)error,
                   stat.task_count, stat.heap_count, stat.alloc_count);
    if (error == ESP_OK) {
        error = heap_caps_get_all_task_stat(&stat);
        hl_script_item(script, "get err=0x%x tasks=%zu heaps=%zu allocs=%zu", (unsigned)error,
                       stat.task_count, stat.heap_count, stat.alloc_count);
        for (size_t i = 0; error == ESP_OK && i < stat.task_count; i++) {
            const task_stat_t *task = &stat.stat_arr[i];
            hl_script_item(script, "task %s 0x%08x alive=%d peak=%zu cur=%zu heaps=%zu", task->name,
                           hl_chip_address(script->chip, task->handle), task->is_alive,
                           task->overall_peak_usage, task->overall_current_usage, task->heap_count);
            for (size_t k = 0; task->heap_stat && k < task->heap_count; k++)
                list_heap(script, &task->heap_stat[k]);
        }
    }
    heap_caps_free_all_task_stat_arrays(&stat);
    hl_script_result_ok(script);
    return true;
}

static bool list_info(struct hl_script *script, heap_task_info_params_t *params) {
    size_t totals = 0;
    params->num_totals = &totals;
    size_t blocks = heap_caps_get_per_task_info(params);
    for (size_t i = 0; i < totals; i++) {
        const heap_task_totals_t *t = &params->totals[i];
        hl_script_item(script, "total 0x%08x %zu/%zu %zu/%zu %zu/%zu %zu/%zu",
                       hl_chip_address(script->chip, t->task), t->size[0], t->count[0], t->size[1],
                       t->count[1], t->size[2], t->count[2], t->size[3], t->count[3]);
    }
    for (size_t i = 0; i < blocks; i++)
        hl_script_item(
            script, "block 0x%08x 0x%08x %u", hl_chip_address(script->chip, params->blocks[i].task),
            hl_chip_address(script->chip, params->blocks[i].address), params->blocks[i].size);
    hl_script_result(script, "blocks=%zu", blocks);
    return true;
}

static bool run_t_info(struct hl_script *script) {
    uint32_t totals, blocks, caps, mask;
    heap_task_info_params_t params = {0};
    if (!hl_script_number(script, 1, &totals) || !hl_script_number(script, 2, &blocks))
        return false;
    if (script->field_count % 2 == 0)
        return hl_script_refuse(script, "t_info takes pairs of capabilities and mask");
    for (unsigned i = 0; i < (script->field_count - 3) / 2; i++) {
        if (!hl_script_number(script, 3 + 2 * i, &caps) ||
            !hl_script_number(script, 4 + 2 * i, &mask))
            return false;
        params.caps[i] = (int32_t)caps;
        params.mask[i] = (int32_t)mask;
    }
    if (totals > 1 << 20 || blocks > 1 << 20)
        return hl_script_refuse(script, "more than a million entries");
    params.max_totals = totals;
    params.max_blocks = blocks;
    params.totals = calloc(totals + 1, sizeof *params.totals);
    params.blocks = calloc(blocks + 1, sizeof *params.blocks);
    bool done = params.totals && params.blocks ? list_info(script, &params)
                                               : hl_script_refuse(script, "out of memory");
    free(params.totals);
    free(params.blocks);
    return done;
}

const struct hl_operation hl_task_operations[] = {
    {"task", 1, 2, run_task},
    {"taskof", 2, 2, run_taskof},
    {"t_over", 0, 0, run_t_over},
    {"t_all", 0, 0, run_t_all},
    {"t_one", 1, 1, run_t_one},
    {"t_oneover", 1, 1, run_t_oneover},
    {"t_get_all", 0, 0, run_t_get_all},
    {"t_info", 2, 10, run_t_info},
    {0},
};
