// SPDX-License-Identifier: Apache-2.0
//
// Start-up of the emulated chip as far as its heap can see it: which blocks exist before app_main, and which task made
// them.  The sequence and its sizes are those of the task tracking example's table for the ESP32-S3 (v5.5 and later):
// "Pre-scheduler" up to the first task, then ipc0 (the first task is the current one before the scheduler runs), then
// ipc1 and main for themselves.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "esp_heap_caps_init.h"
#include "esp_log.h"
#include "freertos/semphr.h"
#include "heapline_esp.h"
#include "heapline_trace.h"
#include "heap_trace_host.h"
#include "kernel.h"
#include "preempt.h"

enum {
    DEFAULT_MAIN_STACK = 3584,
    DEFAULT_IPC_STACK = 1280,
    DEFAULT_IDLE_STACK = 1536,
    DEFAULT_TICK_HZ = 100,
    MAIN_STACK_EXTRA = 512, // ESP-IDF adds this to the configured size
    IPC_PRIORITY = configMAX_PRIORITIES - 1,
    MAIN_PRIORITY = 1,
    STATUS_DEADLOCK = 3,
};

static struct hl_esp_config config;
static struct hl_chip *chip;
static void (*firmware)(void);
static bool firmware_returned;
static _Atomic int exit_status;
static bool console_open;
static unsigned ipc_tasks_ready; // kernel lock
// The task that counts as running on the start-up thread: the first one created.
static void *first_task;

static uint32_t current_task(void *context) {
    (void)context;
    const struct hl_task *self = hl_task_self;
    void *handle = self ? self->handle : hl_kernel.started ? NULL : first_task;
    return handle ? hl_chip_address(chip, handle) : 0;
}

static const char *task_name(void *context, uint32_t address) {
    (void)context;
    const void *handle = hl_chip_pointer(chip, address);
    const struct hl_task *self = hl_task_self;
    if (self && self->handle == handle)
        return self->name;
    static _Thread_local char name[configMAX_TASK_NAME_LEN];
    pthread_mutex_lock(&hl_kernel.lock);
    const struct hl_task *task = hl_kernel_find(handle);
    if (task)
        memcpy(name, task->name, sizeof name);
    pthread_mutex_unlock(&hl_kernel.lock);
    return task ? name : NULL;
}

static unsigned core_id(void *context) {
    (void)context;
    const struct hl_task *self = hl_task_self;
    return self && self->core > 0 ? (unsigned)self->core : 0;
}

static void print_to_console(void *context, const char *text, size_t length) {
    (void)context;
    if (console_open)
        fwrite(text, 1, length, stdout);
}

// The heap printed what is wrong; the firmware ends here, as on the chip.
static void end_firmware(void *context, const struct hl_fault *fault) {
    (void)context;
    (void)fault;
    fflush(stdout);
    abort();
}

static void allocate_for_ever(size_t bytes) {
    if (!heap_caps_malloc(bytes, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT))
        hl_kernel_fault("start-up", "no memory for %zu bytes", bytes);
}

static void run_ipc(void *core) {
    if (core) {
        allocate_for_ever(12);
        allocate_for_ever(12);
    }
    heap_caps_free(heap_caps_malloc(8, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT));
    hl_kernel_lock();
    if (++ipc_tasks_ready == hl_kernel.cores)
        hl_kernel_wake(&ipc_tasks_ready);
    hl_kernel_unlock();
    for (;;)
        ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
}

static void run_main(void *argument) {
    (void)argument;
    // Start-up ends when the other core has started, too.
    hl_kernel_lock();
    while (ipc_tasks_ready < hl_kernel.cores)
        hl_kernel_block("start-up", &ipc_tasks_ready, portMAX_DELAY);
    hl_kernel_unlock();
    console_open = true;
    allocate_for_ever(84);
    allocate_for_ever(128);
    heap_caps_enable_nonos_stack_heaps();
    static const size_t of_libraries[] = {16, 8, 12, 16, 16};
    for (size_t i = 0; i < sizeof of_libraries / sizeof *of_libraries; i++)
        allocate_for_ever(of_libraries[i]);
    if (firmware) {
        ESP_LOGI("main_task", "Started on CPU%d", xPortGetCoreID());
        ESP_LOGI("main_task", "Calling app_main()");
        firmware();
        ESP_LOGI("main_task", "Returned from app_main()");
    }
    hl_kernel_lock();
    firmware_returned = true;
    pthread_cond_broadcast(&hl_kernel.finished);
    hl_kernel_unlock();
    vTaskDelete(NULL);
}

static TaskHandle_t create(TaskFunction_t function, const char *name, uint32_t stack, void *argument,
                           UBaseType_t priority, BaseType_t core) {
    TaskHandle_t handle = NULL;
    if (xTaskCreatePinnedToCore(function, name, stack, argument, priority, &handle, core) != pdPASS)
        hl_kernel_fault("start-up", "no memory for task %s", name);
    if (!first_task)
        first_task = handle;
    return handle;
}

static void create_system_tasks(void) {
    static const size_t before_scheduler[] = {8, 8, 12, 20};
    for (size_t i = 0; i < sizeof before_scheduler / sizeof *before_scheduler; i++)
        allocate_for_ever(before_scheduler[i]);
    for (unsigned core = 0; core < hl_kernel.cores; core++) {
        xSemaphoreCreateMutex();
        xSemaphoreCreateBinary();
    }
    static const char *const ipc_names[] = {"ipc0", "ipc1"}, *const idle_names[] = {"IDLE0", "IDLE1"};
    for (unsigned core = 0; core < hl_kernel.cores; core++)
        create(run_ipc, ipc_names[core], config.ipc_stack_bytes, core ? &config : NULL, IPC_PRIORITY,
               (BaseType_t)core);
    allocate_for_ever(12);
    create(run_main, "main", config.main_stack_bytes + MAIN_STACK_EXTRA, NULL, MAIN_PRIORITY, 0);
    for (unsigned core = 0; core < hl_kernel.cores; core++) {
        TaskHandle_t handle = create(hl_kernel_idle, hl_kernel.cores == 1 ? "IDLE" : idle_names[core],
                                     config.idle_stack_bytes, NULL, tskIDLE_PRIORITY, (BaseType_t)core);
        hl_kernel.idle[core] = hl_kernel_find(handle);
    }
    allocate_for_ever(12);
}

static void add_external_memory(void) {
    if (config.psram_bytes == 0)
        return;
    // Where each chip shows external memory to the data bus.
    static const struct {
        const char *target;
        uint32_t start;
    } windows[] = {{"esp32", 0x3f800000},   {"esp32s2", 0x3f500000}, {"esp32s3", 0x3c000000},
                   {"esp32c5", 0x42000000}, {"esp32c61", 0x42000000}, {"esp32p4", 0x48000000}};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        if (strcmp(windows[i].target, hl_chip_options(chip)->target) != 0)
            continue;
        esp_err_t error = hl_chip_add_psram(chip, windows[i].start, config.psram_bytes);
        if (error != ESP_OK)
            hl_kernel_fault("start-up", "external memory cannot be added: %s", esp_err_to_name(error));
    }
    if (config.psram_in_malloc)
        heap_caps_malloc_extmem_enable(config.psram_threshold);
}

static uint32_t or_default(uint32_t value, uint32_t otherwise) {
    return value ? value : otherwise;
}

int hl_esp_start(const struct hl_esp_config *given) {
    config = *given;
    config.main_stack_bytes = or_default(config.main_stack_bytes, DEFAULT_MAIN_STACK);
    config.ipc_stack_bytes = or_default(config.ipc_stack_bytes, DEFAULT_IPC_STACK);
    config.idle_stack_bytes = or_default(config.idle_stack_bytes, DEFAULT_IDLE_STACK);
    atomic_store(&hl_kernel_tick_hz, or_default(config.tick_hz, DEFAULT_TICK_HZ));
    hl_kernel_clock_reset(config.skip_idle);
    console_open = config.boot_log;
    struct hl_port *port = &config.chip.port;
    port->current_task = current_task;
    port->task_name = task_name;
    port->core_id = core_id;
    if (!port->print)
        port->print = print_to_console;
    if (!port->fault)
        port->fault = end_firmware;
    int error = hl_chip_create(&config.chip, &chip);
    if (error != 0)
        return error;
    hl_chip_use_everywhere(chip);
    hl_kernel.cores = hl_chip_options(chip)->single_core ? 1 : HL_KERNEL_CORES;
    heap_caps_init();
    hl_heap_trace_attach(chip, config.hash_map_entries, config.hash_map_external);
    hl_trace_host_open(getenv("HEAPLINE_ESP_TRACE"));
    add_external_memory();
    hl_preempt_enable();
    create_system_tasks();
    hl_kernel_start();
    return 0;
}

void hl_esp_stop(void) {
    hl_kernel_stop();
    hl_trace_host_close();
    fflush(stdout);
}

int hl_esp_run(const struct hl_esp_config *given, void (*app_main)(void)) {
    firmware = app_main;
    int error = hl_esp_start(given);
    if (error != 0) {
        fprintf(stderr, "heapline: no chip \"%s\": %s\n", given->chip.target, hl_chip_error_text(error));
        return 1;
    }
    int status;
    pthread_mutex_lock(&hl_kernel.lock);
    while (!hl_kernel.deadlocked && (!firmware_returned || config.keep_running))
        pthread_cond_wait(&hl_kernel.finished, &hl_kernel.lock);
    status = exit_status;
    if (!firmware_returned) {
        fflush(stdout);
        fprintf(stderr, "heapline: every task waits for ever, and nothing can wake one; the run ends\n");
        status = STATUS_DEADLOCK;
    }
    pthread_mutex_unlock(&hl_kernel.lock);
    hl_esp_stop();
    return status;
}

struct call {
    void (*function)(void *);
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool has_returned;
};

static void run_call(void *argument) {
    struct call *call = argument;
    call->function(call->context);
    pthread_mutex_lock(&call->lock);
    call->has_returned = true;
    pthread_cond_signal(&call->done);
    pthread_mutex_unlock(&call->lock);
    vTaskDelete(NULL);
}

bool hl_esp_call(int core, unsigned priority, uint32_t stack_bytes, const char *name, void (*function)(void *),
                 void *context) {
    struct call call = {.function = function,
                        .context = context,
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .done = PTHREAD_COND_INITIALIZER};
    BaseType_t affinity = core < 0 ? tskNO_AFFINITY : core;
    if (xTaskCreatePinnedToCore(run_call, name, stack_bytes, &call, priority, NULL, affinity) != pdPASS)
        return false;
    pthread_mutex_lock(&call.lock);
    while (!call.has_returned)
        pthread_cond_wait(&call.done, &call.lock);
    pthread_mutex_unlock(&call.lock);
    return true;
}

void hl_esp_set_status(int status) {
    exit_status = status;
}

static int argument_count;
static char **arguments;

void hl_esp_arguments(int count, char **given) {
    argument_count = count;
    arguments = given;
}

int hl_esp_argument_count(void) {
    return argument_count;
}

const char *hl_esp_argument(int index) {
    return arguments[index];
}

const char *hl_chip_error_text(int error) {
    switch (error) {
    case 0:
        return "no error";
    case HL_CHIP_UNKNOWN_TARGET:
        return "no such target";
    case HL_CHIP_NO_ADDRESS_SPACE:
        return "the chip's addresses are taken in this process";
    case HL_CHIP_NO_HOST_MEMORY:
        return "the host has no memory";
    default:
        return "unknown error";
    }
}
