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
static _Atomic uint32_t recording_number; // counts up from 1: each recording names its threads anew
static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER; // taken after the kernel lock
static _Thread_local uint32_t host_thread, host_recording; // of threads that are no task

void hl_trace_host_open(const char *destination) {
    static const char suffix[] = ".heapline";
    size_t length = destination ? strlen(destination) : 0;
    bool is_trace = length > sizeof suffix - 1 && strcmp(destination + length - (sizeof suffix - 1), suffix) == 0;
    free(trace_path);
    trace_path = is_trace ? strdup(destination) : NULL;
    hl_sysview_set_destination(is_trace ? NULL : destination);
}

static int failure(const char *what) {
    const char *problem = hl_last_problem();
    fprintf(stderr, "heapline: %s: %s\n", what, *problem ? problem : "the recording cannot be written there");
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

static void note_thread(uint32_t index, const struct hl_task *task) {
    const struct hl_chip *chip = hl_chip_current();
    uint32_t handle = task && chip ? hl_chip_address(chip, task->handle) : 0;
    int32_t core = task && task->affinity != tskNO_AFFINITY ? (int32_t)task->affinity : -1;
    hl_note_thread_named(index, handle, core, task ? task->name : "host");
}

// A task is a thread of the trace, named when it is first seen.
static uint32_t thread_of(struct hl_task *task) {
    uint32_t number = atomic_load_explicit(&recording_number, memory_order_relaxed);
    // Acquire: pairs with the release below.
    if (atomic_load_explicit(&task->trace_recording, memory_order_acquire) != number) {
        pthread_mutex_lock(&names_lock);
        if (atomic_load_explicit(&task->trace_recording, memory_order_relaxed) != number) {
            task->trace_thread = hl_task_index();
            note_thread(task->trace_thread, task);
            atomic_store_explicit(&task->trace_recording, number, memory_order_release);
        }
        pthread_mutex_unlock(&names_lock);
    }
    return task->trace_thread;
}

static uint32_t own_thread(void) {
    if (hl_task_self)
        return thread_of(hl_task_self);
    uint32_t number = atomic_load_explicit(&recording_number, memory_order_relaxed);
    if (host_recording != number) {
        host_recording = number;
        host_thread = hl_task_index();
        note_thread(host_thread, NULL);
    }
    return host_thread;
}

static bool is_idle(const struct hl_task *task) {
    return task == hl_kernel.idle[0] || task == hl_kernel.idle[1];
}

static void record_switch(struct hl_task *task, unsigned core) {
    hl_event_of_thread(HL_KIND_SWITCH, core, is_idle(task) ? HL_SWITCH_IDLE : HL_SWITCH_TASK, HL_ROOT_NONE,
                       thread_of(task));
}

void hl_trace_host_task_runs(struct hl_task *task, unsigned core) {
    if (!trace_path)
        hl_sysview_task_runs(task, core);
    else if (atomic_load_explicit(&recording, memory_order_relaxed))
        record_switch(task, core);
}

// With the kernel lock no task comes or goes meanwhile: each core's timeline begins with what runs there now.
static void begin_timelines(void) {
    pthread_mutex_lock(&hl_kernel.lock);
    atomic_fetch_add(&recording_number, 1);
    for (unsigned core = 0; core < hl_kernel.cores; core++) {
        struct hl_task *task = hl_kernel.running[core] ? hl_kernel.running[core] : hl_kernel.idle[core];
        if (task)
            record_switch(task, core);
    }
    atomic_store(&recording, true);
    pthread_mutex_unlock(&hl_kernel.lock);
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
    begin_timelines();
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

bool hl_trace_host_wants_logs(void) {
    return trace_path && atomic_load_explicit(&recording, memory_order_relaxed);
}

void hl_trace_host_print(const char *text, unsigned level) {
    if (!trace_path) {
        hl_sysview_print(text);
    } else if (atomic_load_explicit(&recording, memory_order_relaxed)) {
        uint32_t head[2] = {own_thread(), level == 0 ? LEVEL_INFO : level};
        size_t length = strlen(text);
        while (length > 0 && text[length - 1] == '\n')
            length--;
        if (length > 0)
            hl_note_bytes(HL_NOTE_LOG, head, sizeof head, text, length);
    }
}
