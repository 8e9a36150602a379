// SPDX-License-Identifier: Apache-2.0
//
// See sysview.h.  One stream per core; what concerns all cores is written to each.  With two cores the file is of the
// kind with offsets (core 0's stream, then core 1's).

#include "sysview.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_err.h"
#include "heapline_chip.h"
#include "kernel.h"
#include "sysview_file.h"
#include "sysview_packet.h"

enum {
    TICKS_PER_MICROSECOND = 40,
    CPU_HZ = 160000000,
    TASK_NAME_LIMIT = 32,
    PRINT_LIMIT = 128,
    CAUSE_BLOCKED = 4,
};

// Task ids are addresses less this, as ESP32's are.
static const uint32_t RAM_BASE = 0x3F400000;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // taken after the kernel lock
static struct hl_sysview_stream streams[HL_KERNEL_CORES];
static char *destination;
static _Atomic bool recording;
static uint64_t start_us, last_tick;

bool hl_sysview_is_recording(void) {
    return atomic_load_explicit(&recording, memory_order_relaxed);
}

void hl_sysview_set_destination(const char *text) {
    pthread_mutex_lock(&lock);
    free(destination);
    destination = text && *text ? strdup(text) : NULL;
    pthread_mutex_unlock(&lock);
}

const char *hl_sysview_destination(void) {
    return destination;
}

// No two packets have the same time (but for broadcasts), so a merge of the streams keeps the order of the events: a free
// on one core stays before the reuse of its address on the other.  Lock held.
static uint64_t now_ticks(void) {
    uint64_t now = (hl_kernel_now_us() - start_us) * TICKS_PER_MICROSECOND;
    last_tick = now > last_tick ? now : last_tick + 1;
    return last_tick;
}

static unsigned own_core(void) {
    const struct hl_task *self = hl_task_self;
    return self && self->core > 0 ? (unsigned)self->core : 0;
}

static uint32_t chip_address(const void *pointer) {
    const struct hl_chip *chip = hl_chip_current();
    return chip ? hl_chip_address(chip, pointer) : (uint32_t)(uintptr_t)pointer;
}

static uint32_t task_id(const struct hl_task *task) {
    return chip_address(task->handle) - RAM_BASE;
}

static void broadcast(const struct hl_sysview_packet *packet) {
    uint64_t tick = now_ticks();
    for (unsigned core = 0; core < hl_kernel.cores; core++)
        hl_sysview_write(&streams[core], packet, tick);
}

static bool is_idle(const struct hl_task *task) {
    return task == hl_kernel.idle[0] || task == hl_kernel.idle[1];
}

static void describe_task(const struct hl_task *task) {
    struct hl_sysview_packet packet;
    hl_sysview_begin(&packet, HL_SYSVIEW_TASK_INFO);
    hl_sysview_add(&packet, task_id(task));
    hl_sysview_add(&packet, task->priority);
    hl_sysview_add_text(&packet, task->name, TASK_NAME_LIMIT);
    broadcast(&packet);
    hl_sysview_begin(&packet, HL_SYSVIEW_STACK_INFO);
    hl_sysview_add(&packet, task_id(task));
    hl_sysview_add(&packet, chip_address(task->stack));
    hl_sysview_add(&packet, task->stack_bytes);
    hl_sysview_add(&packet, 0);
    broadcast(&packet);
}

static void write_running(const struct hl_task *task, unsigned core) {
    struct hl_sysview_packet packet;
    bool idle = !task || is_idle(task);
    hl_sysview_begin(&packet, idle ? HL_SYSVIEW_IDLE : HL_SYSVIEW_TASK_START_EXEC);
    if (!idle)
        hl_sysview_add(&packet, task_id(task));
    hl_sysview_write(&streams[core], &packet, now_ticks());
}

// ESP-IDF's script doubles heap events that come before each core's first task start, and idling is none to it.
static void write_first_context(unsigned core) {
    const struct hl_task *running = hl_kernel.running[core] ? hl_kernel.running[core] : hl_kernel.idle[core];
    struct hl_sysview_packet packet;
    hl_sysview_begin(&packet, HL_SYSVIEW_TASK_START_EXEC);
    hl_sysview_add(&packet, task_id(running));
    hl_sysview_write(&streams[core], &packet, now_ticks());
    if (is_idle(running))
        write_running(running, core);
}

static void describe_core(unsigned core) {
    struct hl_sysview_stream *stream = &streams[core];
    struct hl_sysview_packet packet;
    stream->length = 0;
    stream->last_tick = 0;
    hl_sysview_write_sync(stream);
    hl_sysview_begin(&packet, HL_SYSVIEW_TRACE_START);
    hl_sysview_write(stream, &packet, 0);
    hl_sysview_begin(&packet, HL_SYSVIEW_INIT);
    hl_sysview_add(&packet, TICKS_PER_MICROSECOND * 1000000u);
    hl_sysview_add(&packet, CPU_HZ);
    hl_sysview_add(&packet, RAM_BASE);
    hl_sysview_add(&packet, 0);
    hl_sysview_write(stream, &packet, 0);
    char text[96];
    const struct hl_chip *chip = hl_chip_current();
    snprintf(text, sizeof text, "N=FreeRTOS Application,D=%s,C=core%u,O=FreeRTOS",
             chip ? hl_chip_options(chip)->target : "esp32", core);
    hl_sysview_begin(&packet, HL_SYSVIEW_DESCRIPTION);
    hl_sysview_add_text(&packet, text, sizeof text);
    hl_sysview_write(stream, &packet, 0);
    hl_sysview_begin(&packet, HL_SYSVIEW_TIME_US);
    hl_sysview_add(&packet, (uint32_t)start_us);
    hl_sysview_add(&packet, start_us >> 32);
    hl_sysview_write(stream, &packet, 0);
}

static void describe_heap_module(void) {
    struct hl_sysview_packet packet;
    hl_sysview_begin(&packet, HL_SYSVIEW_MODULE_COUNT);
    hl_sysview_add(&packet, 1);
    broadcast(&packet);
    hl_sysview_begin(&packet, HL_SYSVIEW_MODULE);
    hl_sysview_add(&packet, 0);
    hl_sysview_add(&packet, HL_SYSVIEW_HEAP_ALLOCATION);
    hl_sysview_add_text(&packet, "M=ESP32 SystemView Heap Tracing Module", 254);
    broadcast(&packet);
}

int hl_sysview_start(uint32_t depth) {
    (void)depth;
    pthread_mutex_lock(&hl_kernel.lock);
    pthread_mutex_lock(&lock);
    int error = destination ? ESP_OK : ESP_ERR_TIMEOUT;
    // A second start goes on with the same recording: the module is described once.
    if (error == ESP_OK && !hl_sysview_is_recording()) {
        start_us = hl_kernel_now_us();
        last_tick = 0;
        for (unsigned core = 0; core < hl_kernel.cores; core++)
            describe_core(core);
        for (const struct hl_task *task = hl_kernel.tasks; task; task = task->next)
            describe_task(task);
        describe_heap_module();
        for (unsigned core = 0; core < hl_kernel.cores; core++)
            write_first_context(core);
        atomic_store(&recording, true);
    }
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&hl_kernel.lock);
    return error;
}

int hl_sysview_stop(void) {
    pthread_mutex_lock(&lock);
    int error = ESP_OK;
    if (hl_sysview_is_recording()) {
        atomic_store(&recording, false);
        struct hl_sysview_packet packet;
        hl_sysview_begin(&packet, HL_SYSVIEW_TRACE_STOP);
        broadcast(&packet);
        error = hl_sysview_file_write(destination, streams, hl_kernel.cores) ? ESP_OK : ESP_FAIL;
        for (unsigned core = 0; core < hl_kernel.cores; core++) {
            if (streams[core].dropped > 0)
                fprintf(stderr, "heapline: %llu packets of core %u were lost for lack of memory\n",
                        (unsigned long long)streams[core].dropped, core);
        }
    }
    pthread_mutex_unlock(&lock);
    return error;
}

// Writes to the caller's core if a recording is on.
static void write_own(const struct hl_sysview_packet *packet) {
    pthread_mutex_lock(&lock);
    if (hl_sysview_is_recording())
        hl_sysview_write(&streams[own_core()], packet, now_ticks());
    pthread_mutex_unlock(&lock);
}

void hl_sysview_heap_allocation(uint64_t address, uint64_t size, const uint64_t *stack, uint32_t depth) {
    if (!hl_sysview_is_recording())
        return;
    struct hl_sysview_packet packet;
    hl_sysview_begin(&packet, HL_SYSVIEW_HEAP_ALLOCATION);
    hl_sysview_add(&packet, address);
    hl_sysview_add(&packet, size);
    for (uint32_t i = 0; i < depth; i++)
        hl_sysview_add(&packet, stack[i]);
    write_own(&packet);
}

void hl_sysview_heap_free(uint64_t address, const uint64_t *stack, uint32_t depth) {
    if (!hl_sysview_is_recording())
        return;
    struct hl_sysview_packet packet;
    hl_sysview_begin(&packet, HL_SYSVIEW_HEAP_FREE);
    hl_sysview_add(&packet, address);
    for (uint32_t i = 0; i < depth; i++)
        hl_sysview_add(&packet, stack[i]);
    write_own(&packet);
}

void hl_sysview_print(const char *text) {
    if (!hl_sysview_is_recording())
        return;
    struct hl_sysview_packet packet;
    hl_sysview_begin(&packet, HL_SYSVIEW_PRINT);
    hl_sysview_add_text(&packet, text, PRINT_LIMIT);
    hl_sysview_add(&packet, 0);
    hl_sysview_add(&packet, 0);
    write_own(&packet);
}

void hl_sysview_task_created(const struct hl_task *task) {
    if (!hl_sysview_is_recording())
        return;
    pthread_mutex_lock(&lock);
    describe_task(task);
    struct hl_sysview_packet packet;
    hl_sysview_begin(&packet, HL_SYSVIEW_TASK_CREATE);
    hl_sysview_add(&packet, task_id(task));
    hl_sysview_write(&streams[own_core()], &packet, now_ticks());
    pthread_mutex_unlock(&lock);
}

void hl_sysview_task_runs(const struct hl_task *task, unsigned core) {
    if (!hl_sysview_is_recording())
        return;
    pthread_mutex_lock(&lock);
    write_running(task, core);
    pthread_mutex_unlock(&lock);
}

void hl_sysview_task_stops(const struct hl_task *task, unsigned core) {
    if (!hl_sysview_is_recording() || is_idle(task))
        return;
    pthread_mutex_lock(&lock);
    struct hl_sysview_packet packet;
    hl_sysview_begin(&packet, HL_SYSVIEW_TASK_STOP_READY);
    hl_sysview_add(&packet, task_id(task));
    hl_sysview_add(&packet, CAUSE_BLOCKED);
    hl_sysview_write(&streams[core], &packet, now_ticks());
    pthread_mutex_unlock(&lock);
}
