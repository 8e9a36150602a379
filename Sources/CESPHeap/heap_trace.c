// SPDX-License-Identifier: Apache-2.0
//
// Heap tracing to the host.  The only file of the emulation that knows the recorder: a destination that ends in .heapline is
// a trace with the chip's tasks as threads and its heaps as regions; any other one is a SystemView recording (sysview.c).

#include "heapline.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_err.h"
#include "heap_trace_host.h"
#include "heap_trace_list.h"
#include "heapline_chip.h"
#include "kernel.h"
#include "sysview.h"

enum { MAXIMUM_REGIONS = 64, LEVEL_INFO = 3 };

static char *trace_path; // of a .heapline trace; NULL: SystemView
static _Atomic bool recording;
static _Thread_local uint32_t thread_index;
static _Thread_local bool has_thread_index;

void hl_trace_host_open(const char *destination) {
    static const char suffix[] = ".heapline";
    size_t length = destination ? strlen(destination) : 0;
    bool is_trace = length > sizeof suffix - 1 && strcmp(destination + length - (sizeof suffix - 1), suffix) == 0;
    free(trace_path);
    trace_path = is_trace ? strdup(destination) : NULL;
    hl_sysview_set_destination(is_trace ? NULL : destination);
}

static int failure(const char *what) {
    fprintf(stderr, "heapline: %s: %s\n", what, hl_last_problem());
    return ESP_FAIL;
}

static void note_regions(void) {
    const struct hl_chip *chip = hl_chip_current();
    struct hl_heap_description heap;
    for (size_t i = 0; chip && i < MAXIMUM_REGIONS && hl_chip_heap_at(chip, i, &heap); i++) {
        const char *type = heap.type ? heap.type : "added";
        struct hl_note_region region = {
            .start = heap.start,
            .bytes = heap.end - heap.start,
            .capabilities = heap.caps[0] | heap.caps[1] | heap.caps[2],
        };
        hl_note_bytes(HL_NOTE_REGION, &region, sizeof region, type, strlen(type));
    }
}

static int start_recorder(uint32_t depth) {
    if (atomic_load(&recording))
        return ESP_OK;
    struct hl_options options = {
        .mode = HL_MODE_ALL,
        .depth = (int32_t)depth,
        .on_full = HL_ON_FULL_BLOCK,
        .free_stacks = 1,
        .source = HL_SOURCE_ESP,
    };
    if (hl_start(&options) != 0)
        return failure("the recorder does not start");
    note_regions();
    atomic_store(&recording, true);
    return ESP_OK;
}

static int stop_recorder(void) {
    if (!atomic_exchange(&recording, false))
        return ESP_OK;
    int error = hl_snapshot(trace_path) == 0 ? ESP_OK : failure(trace_path);
    hl_stop();
    hl_discard();
    return error;
}

int hl_trace_host_start(uint32_t depth) {
    return trace_path ? start_recorder(depth) : hl_sysview_start(depth);
}

int hl_trace_host_stop(void) {
    return trace_path ? stop_recorder() : hl_sysview_stop();
}

void hl_trace_host_close(void) {
    hl_trace_host_stop();
}

// A task is a thread of the trace, named when it is first seen.
static uint32_t own_thread(void) {
    if (!has_thread_index) {
        has_thread_index = true;
        const struct hl_task *self = hl_task_self;
        const struct hl_chip *chip = hl_chip_current();
        thread_index = hl_task_index();
        uint32_t handle = self && chip ? hl_chip_address(chip, self->handle) : 0;
        hl_note_thread_named(thread_index, handle, self ? self->core : -1, self ? self->name : "host");
    }
    return thread_index;
}

static void record(enum hl_kind kind, uint64_t address, uint64_t size, const uint64_t *stack, uint32_t depth) {
    uint32_t count = 0;
    while (count < depth && stack[count] != 0)
        count++;
    hl_event_of_thread(kind, address, size, hl_stack_of(stack, count), own_thread());
}

static uint64_t chip_address(uint64_t address) {
    const struct hl_chip *chip = hl_chip_current();
    return chip ? hl_chip_address(chip, (const void *)(uintptr_t)address) : address;
}

void hl_trace_host_allocation(uint64_t address, uint64_t size, const uint64_t *stack, uint32_t depth) {
    if (!trace_path)
        hl_sysview_heap_allocation(address, size, stack, depth);
    else if (atomic_load_explicit(&recording, memory_order_relaxed))
        record(address ? HL_KIND_ALLOC : HL_KIND_ALLOC_FAIL, chip_address(address), size, stack, depth);
}

void hl_trace_host_free(uint64_t address, const uint64_t *stack, uint32_t depth) {
    if (!trace_path)
        hl_sysview_heap_free(address, stack, depth);
    else if (address && atomic_load_explicit(&recording, memory_order_relaxed))
        record(HL_KIND_FREE, chip_address(address), 0, stack, depth);
}

void hl_trace_host_print(const char *text) {
    if (!trace_path) {
        hl_sysview_print(text);
    } else if (atomic_load_explicit(&recording, memory_order_relaxed)) {
        uint32_t head[2] = {own_thread(), LEVEL_INFO};
        hl_note_bytes(HL_NOTE_LOG, head, sizeof head, text, strlen(text));
    }
}
