// SPDX-License-Identifier: Apache-2.0
//
// FreeRTOS tasks: memory, names, priorities, delays, suspension, deletion.  Who runs is decided in scheduler.c.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "heapline_chip.h"
#include "kernel.h"
#include "task_memory.h"

static struct hl_task *find_or_fault(const char *call, TaskHandle_t handle) {
    struct hl_task *task = handle ? hl_kernel_find(handle) : hl_task_self;
    if (!task)
        hl_kernel_fault(call, "%p is no task", (void *)handle);
    return task;
}

// The part of the control block firmware is known to look at; offsets are the chip's.
static void fill_control_block(struct hl_task *task) {
    char *block = task->handle;
    struct hl_chip *chip = hl_chip_current();
    uint32_t stack = chip && task->stack ? hl_chip_address(chip, task->stack) : 0;
    uint32_t priority = task->priority;
    memset(block, 0, HL_TASK_CONTROL_BYTES);
    memcpy(block + 44, &priority, sizeof priority);
    memcpy(block + 48, &stack, sizeof stack);
    memcpy(block + 52, task->name, sizeof task->name);
}

static BaseType_t create(const char *call, TaskFunction_t function, const char *name, uint32_t stack_bytes,
                         void *argument, UBaseType_t priority, TaskHandle_t *handle, BaseType_t core, void *stack,
                         void *control, uint32_t stack_caps) {
    if (core != tskNO_AFFINITY && (core < 0 || core >= (BaseType_t)hl_kernel.cores))
        hl_kernel_fault(call, "core %d is none of this chip's %u", core, hl_kernel.cores);
    if (priority >= configMAX_PRIORITIES)
        priority = configMAX_PRIORITIES - 1;
    struct hl_task *task = calloc(1, sizeof *task);
    if (!task)
        return errCOULD_NOT_ALLOCATE_REQUIRED_MEMORY;
    task->owns_memory = stack == NULL;
    if (task->owns_memory && !hl_task_memory_allocate(stack_bytes, stack_caps, &stack, &control)) {
        free(task);
        return errCOULD_NOT_ALLOCATE_REQUIRED_MEMORY;
    }
    task->stack = stack;
    task->handle = control;
    task->stack_bytes = stack_bytes;
    task->function = function;
    task->argument = argument;
    task->priority = task->base_priority = priority;
    task->affinity = hl_kernel.cores == 1 ? 0 : core;
    snprintf(task->name, sizeof task->name, "%s", name ? name : "");
    fill_control_block(task);
    // Before the task can run: it may read the variable itself, as ESP-IDF's examples do.
    if (handle)
        *handle = task->handle;
    hl_kernel_lock();
    int error = hl_kernel_launch(task);
    hl_kernel_unlock();
    if (error != 0)
        hl_kernel_fault(call, "the host gives no thread: %s", strerror(error));
    return pdPASS;
}

BaseType_t xTaskCreatePinnedToCore(TaskFunction_t function, const char *name, uint32_t stack, void *argument,
                                   UBaseType_t priority, TaskHandle_t *handle, BaseType_t core) {
    return create(__func__, function, name, stack, argument, priority, handle, core, NULL, NULL,
                  MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
}

BaseType_t xTaskCreate(TaskFunction_t function, const char *name, uint32_t stack, void *argument, UBaseType_t priority,
                       TaskHandle_t *handle) {
    return create(__func__, function, name, stack, argument, priority, handle, tskNO_AFFINITY, NULL, NULL,
                  MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
}

BaseType_t xTaskCreatePinnedToCoreWithCaps(TaskFunction_t function, const char *name, uint32_t stack, void *argument,
                                           UBaseType_t priority, TaskHandle_t *handle, BaseType_t core,
                                           UBaseType_t caps) {
    return create(__func__, function, name, stack, argument, priority, handle, core, NULL, NULL, caps);
}

BaseType_t xTaskCreateWithCaps(TaskFunction_t function, const char *name, uint32_t stack, void *argument,
                               UBaseType_t priority, TaskHandle_t *handle, UBaseType_t caps) {
    return create(__func__, function, name, stack, argument, priority, handle, tskNO_AFFINITY, NULL, NULL, caps);
}

TaskHandle_t xTaskCreateStaticPinnedToCore(TaskFunction_t function, const char *name, uint32_t stack, void *argument,
                                           UBaseType_t priority, StackType_t *stack_buffer, StaticTask_t *task_buffer,
                                           BaseType_t core) {
    if (!stack_buffer || !task_buffer)
        return NULL;
    TaskHandle_t handle = NULL;
    create(__func__, function, name, stack, argument, priority, &handle, core, stack_buffer, task_buffer, 0);
    return handle;
}

TaskHandle_t xTaskCreateStatic(TaskFunction_t function, const char *name, uint32_t stack, void *argument,
                               UBaseType_t priority, StackType_t *stack_buffer, StaticTask_t *task_buffer) {
    return xTaskCreateStaticPinnedToCore(function, name, stack, argument, priority, stack_buffer, task_buffer,
                                         tskNO_AFFINITY);
}

void vTaskDelete(TaskHandle_t handle) {
    hl_kernel_lock();
    struct hl_task *task = find_or_fault(__func__, handle);
    for (unsigned core = 0; core < hl_kernel.cores; core++) {
        if (task == hl_kernel.idle[core])
            hl_kernel_fault(__func__, "an idle task cannot be deleted");
    }
    if (task == hl_task_self)
        hl_kernel_leave();
    void *stack = task->stack, *control = task->handle;
    bool owned = task->owns_memory;
    bool stopped = hl_kernel_remove(task);
    hl_kernel_unlock();
    if (stopped && owned)
        hl_task_memory_free(stack, control);
}

void vTaskDeleteWithCaps(TaskHandle_t handle) {
    vTaskDelete(handle);
}

void vTaskDelay(TickType_t ticks) {
    if (ticks == 0) {
        hl_kernel_yield();
        return;
    }
    hl_kernel_lock();
    hl_kernel_block(__func__, NULL, ticks);
    hl_kernel_unlock();
}

BaseType_t xTaskDelayUntil(TickType_t *previous, TickType_t increment) {
    TickType_t now = xTaskGetTickCount();
    TickType_t passed = now - *previous;
    *previous += increment;
    if (passed >= increment)
        return pdFALSE;
    vTaskDelay(increment - passed);
    return pdTRUE;
}

BaseType_t xTaskAbortDelay(TaskHandle_t handle) {
    hl_kernel_lock();
    struct hl_task *task = find_or_fault(__func__, handle);
    BaseType_t was_blocked = task->state == HL_TASK_BLOCKED ? pdPASS : pdFAIL;
    if (was_blocked) {
        task->timed_out = true;
        task->aborted = true;
        hl_kernel_make_ready(task);
    }
    hl_kernel_unlock();
    return was_blocked;
}

UBaseType_t uxTaskPriorityGet(TaskHandle_t handle) {
    hl_kernel_lock();
    UBaseType_t priority = find_or_fault(__func__, handle)->priority;
    hl_kernel_unlock();
    return priority;
}

void vTaskPrioritySet(TaskHandle_t handle, UBaseType_t priority) {
    if (priority >= configMAX_PRIORITIES)
        priority = configMAX_PRIORITIES - 1;
    hl_kernel_lock();
    struct hl_task *task = find_or_fault(__func__, handle);
    bool lent = task->priority != task->base_priority;
    task->base_priority = priority;
    if (!lent || priority > task->priority)
        task->priority = priority;
    hl_kernel_reconsider(task);
    hl_kernel_unlock();
}

static eTaskState public_state(const struct hl_task *task) {
    switch (task->state) {
    case HL_TASK_RUNNING:
        return eRunning;
    case HL_TASK_READY:
        return eReady;
    case HL_TASK_BLOCKED:
        return task->wake_us == HL_KERNEL_NEVER && !task->waiting_for ? eSuspended : eBlocked;
    case HL_TASK_SUSPENDED:
        return eSuspended;
    case HL_TASK_DELETED:
        return eDeleted;
    }
    return eInvalid;
}

eTaskState eTaskGetState(TaskHandle_t handle) {
    hl_kernel_lock();
    const struct hl_task *task = hl_kernel_find(handle);
    eTaskState state = task ? public_state(task) : eDeleted;
    hl_kernel_unlock();
    return state;
}

void vTaskSuspend(TaskHandle_t handle) {
    hl_kernel_lock();
    struct hl_task *task = find_or_fault(__func__, handle);
    if (task == hl_task_self) {
        // Blocked on itself: only vTaskResume finds it there.
        hl_kernel_block_until(__func__, task, HL_KERNEL_NEVER);
    } else {
        hl_kernel_suspend(task);
    }
    hl_kernel_unlock();
}

void vTaskResume(TaskHandle_t handle) {
    hl_kernel_lock();
    struct hl_task *task = find_or_fault(__func__, handle);
    bool suspended = task->state == HL_TASK_SUSPENDED ||
                     (task->state == HL_TASK_BLOCKED && task->waiting_for == task);
    if (suspended)
        hl_kernel_make_ready(task);
    task->suspend_asked = false;
    hl_kernel_unlock();
}

BaseType_t xTaskResumeFromISR(TaskHandle_t handle) {
    vTaskResume(handle);
    return pdFALSE;
}

void vTaskSuspendAll(void) {
    const struct hl_task *self = hl_task_self;
    if (self && self->core >= 0)
        hl_kernel.scheduler_suspended[self->core]++;
}

BaseType_t xTaskResumeAll(void) {
    const struct hl_task *self = hl_task_self;
    if (self && self->core >= 0) {
        if (hl_kernel.scheduler_suspended[self->core] == 0)
            hl_kernel_fault(__func__, "the scheduler is not suspended");
        hl_kernel.scheduler_suspended[self->core]--;
    }
    hl_kernel_checkpoint();
    return pdFALSE;
}
