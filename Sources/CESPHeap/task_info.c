// SPDX-License-Identifier: Apache-2.0
//
// The older statistics of heap task tracking: no records, every block of the chosen heaps is looked
// at, and the first word of its data is taken for its owner.

#include "caps.h"
#include "esp_heap_task_info.h"
#include "heap_ops.h"
#include "port.h"

struct question {
    struct hl_chip *chip;
    const struct hl_heap *heap;
    heap_task_info_params_t *params;
    unsigned column;
    size_t totals, blocks;
};

static void add_to_totals(struct question *question, TaskHandle_t owner, size_t size) {
    heap_task_info_params_t *params = question->params;
    unsigned column = question->column;
    for (size_t i = 0; i < question->totals; i++) {
        if (params->totals[i].task == owner) {
            params->totals[i].size[column] += size;
            params->totals[i].count[column]++;
            return;
        }
    }
    if (question->totals == params->max_totals)
        return;
    heap_task_totals_t *entry = &params->totals[question->totals++];
    entry->task = owner;
    entry->size[column] = size;
    entry->count[column] = 1;
}

static bool is_wanted(const heap_task_info_params_t *params, TaskHandle_t owner) {
    if (!params->tasks)
        return true;
    for (size_t i = 0; i < params->num_tasks; i++)
        if (params->tasks[i] == owner)
            return true;
    return false;
}

static bool ask_block(void *context, uint32_t address, uint32_t size, bool is_used) {
    struct question *question = context;
    heap_task_info_params_t *params = question->params;
    if (!is_used)
        return true;
    if (question->heap->poisoning != HL_POISONING_NONE) {
        address += 8;
        size = size > 12 ? size - 12 : 0;
    }
    void *data = hl_host(question->chip, address);
    TaskHandle_t owner = hl_chip_pointer(question->chip, *(const uint32_t *)data);
    if (params->totals)
        add_to_totals(question, owner, size);
    if (params->blocks && question->blocks < params->max_blocks && is_wanted(params, owner))
        params->blocks[question->blocks++] = (heap_task_block_t){owner, data, size};
    return true;
}

size_t heap_caps_get_per_task_info(heap_task_info_params_t *params) {
    struct hl_chip *chip = hl_current();
    if (!chip || chip->options.tracking == HL_TRACKING_OFF)
        return 0;
    struct question question = {.chip = chip, .params = params, .totals = *params->num_totals};
    for (size_t i = 0; params->totals && i < question.totals; i++)
        for (unsigned column = 0; column < NUM_HEAP_TASK_CAPS; column++)
            params->totals[i].size[column] = params->totals[i].count[column] = 0;
    for (struct hl_region_heap *entry = hl_first_heap(chip); entry; entry = hl_next_heap(entry)) {
        struct hl_heap *heap = hl_registered(entry);
        if (!heap)
            continue;
        unsigned column = 0;
        while (column < NUM_HEAP_TASK_CAPS &&
               (entry->all_caps & (uint32_t)params->mask[column]) != (uint32_t)params->caps[column])
            column++;
        if (column == NUM_HEAP_TASK_CAPS)
            continue;
        question.heap = heap;
        question.column = column;
        hl_heap_walk(heap, ask_block, &question);
    }
    *params->num_totals = question.totals;
    return question.blocks;
}
