// SPDX-License-Identifier: Apache-2.0
//
// The printed statistics of heap task tracking: a table of tasks, and a tree of tasks, heaps and
// allocations.

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "caps.h"
#include "esp_heap_task_info.h"
#include "port.h"
#include "task_records.h"

// Where a line goes: a stream, or the chip's console.
struct output {
    struct hl_chip *chip;
    FILE *stream;
};

static void line(const struct output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void line(const struct output *output, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (output->stream)
        fprintf(output->stream, "%s\n", text);
    else
        hl_print(output->chip, "%s\n", text);
}

static const char *heap_name(struct hl_chip *chip, uint32_t start) {
    for (struct hl_region_heap *entry = hl_first_heap(chip); entry; entry = hl_next_heap(entry))
        if (entry->start == start && hl_registered(entry))
            return entry->type ? entry->type : "(null)";
    return "(null)";
}

static uint32_t percent(uint32_t part, uint32_t whole) {
    return whole == 0 ? 0 : part * 100 / whole; // wraps as on the chip
}

static void print_tree(const struct output *output, const struct hl_task_record *task,
                       bool is_last) {
    struct hl_chip *chip = output->chip;
    const char *bar = is_last ? " " : "│";
    line(output, "%s %s: %s, CURRENT MEMORY USAGE %d, PEAK MEMORY USAGE %d, TOTAL HEAP USED %d:",
         is_last ? "└" : "├", task->is_alive ? "ALIVE" : "DELETED", task->name, (int)task->current,
         (int)task->peak, (int)task->heap_count);
    uint32_t next = task->first;
    for (struct hl_heap_record *use; (use = hl_heap_record_at(chip, next)) != NULL;
         next = use->next) {
        bool last_heap = use->next == 0;
        line(output,
             "%s    %s HEAP: %s, CAPS: 0x%08x, SIZE: %d, USAGE: CURRENT %d (%d%%), PEAK %d (%d%%), "
             "ALLOC COUNT: %d",
             bar, last_heap ? "└" : "├", heap_name(chip, use->heap), use->caps, (int)use->size,
             (int)use->current, (int)percent(use->current, use->size), (int)use->peak,
             (int)percent(use->peak, use->size), (int)use->alloc_count);
        uint32_t next_alloc = use->first;
        for (struct hl_alloc_record *alloc; (alloc = hl_alloc_at(chip, next_alloc)) != NULL;
             next_alloc = alloc->next)
            line(output, "%s    %s    ├ ALLOC 0x%" PRIx32 ", SIZE %" PRIu32, bar,
                 last_heap ? " " : "│", alloc->address, alloc->size);
    }
}

static void print_row(const struct output *output, const struct hl_task_record *task, bool is_first,
                      bool is_last) {
    if (is_first) {
        line(output, "┌────────────────────┬─────────┬──────────────────────┬───────────────────┬──"
                     "───────────────┐");
        line(output, "│ TASK               │ STATUS  │ CURRENT MEMORY USAGE │ PEAK MEMORY USAGE │ "
                     "TOTAL HEAP USED │");
        line(output, "├────────────────────┼─────────┼──────────────────────┼───────────────────┼──"
                     "───────────────┤");
    }
    line(output, "│ %18s │ %7s │ %20d │ %17d │ %15d │", task->name,
         task->is_alive ? "ALIVE  " : "DELETED", (int)task->current, (int)task->peak,
         (int)task->heap_count);
    if (is_last)
        line(output, "└────────────────────┴─────────┴──────────────────────┴───────────────────┴──"
                     "───────────────┘");
}

// Prints one task (a null handle means the current one) or all of them, as a table or as a tree.
static void print(FILE *stream, bool all, TaskHandle_t chosen, bool table) {
    struct output output = {hl_current(), stream};
    struct hl_chip *chip = output.chip;
    if (!chip || !chip->tracking)
        return;
    uint32_t handle = chosen ? hl_address_of(chip, chosen) : hl_port_current_task(chip);
    hl_lock_acquire(&chip->tracking->lock, &chip->port);
    uint32_t next = chip->tracking->first;
    bool is_first = true;
    for (struct hl_task_record *task; (task = hl_task_at(chip, next)) != NULL; next = task->next) {
        if (!all && task->handle != handle)
            continue;
        bool is_last = !all || task->next == 0;
        if (table)
            print_row(&output, task, is_first, is_last);
        else
            print_tree(&output, task, is_last);
        is_first = false;
        if (!all)
            break;
    }
    hl_lock_release(&chip->tracking->lock);
    hl_fault_raise_noted(chip);
}

void heap_caps_print_all_task_stat(FILE *stream) {
    print(stream, true, NULL, false);
}

void heap_caps_print_single_task_stat(FILE *stream, TaskHandle_t task_handle) {
    print(stream, false, task_handle, false);
}

void heap_caps_print_all_task_stat_overview(FILE *stream) {
    print(stream, true, NULL, true);
}

void heap_caps_print_single_task_stat_overview(FILE *stream, TaskHandle_t task_handle) {
    print(stream, false, task_handle, true);
}
