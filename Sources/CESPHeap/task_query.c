// SPDX-License-Identifier: Apache-2.0
//
// What firmware may ask about tasks and the scheduler.

#include <string.h>

#include "kernel.h"

static struct hl_task *named(const char *call, TaskHandle_t handle) {
    struct hl_task *task = handle ? hl_kernel_find(handle) : hl_task_self;
    if (!task)
        hl_kernel_fault(call, "%p is no task", (void *)handle);
    return task;
}

TaskHandle_t xTaskGetCurrentTaskHandle(void) {
    return hl_task_self ? hl_task_self->handle : NULL;
}

// A name stays readable as long as its task lives, as on the chip, where it is part of the control block.
char *pcTaskGetName(TaskHandle_t handle) {
    hl_kernel_lock();
    char *name = named(__func__, handle)->name;
    hl_kernel_unlock();
    return name;
}

TaskHandle_t xTaskGetHandle(const char *name) {
    TaskHandle_t handle = NULL;
    hl_kernel_lock();
    for (const struct hl_task *task = hl_kernel.tasks; task && !handle; task = task->next) {
        if (strcmp(task->name, name) == 0)
            handle = task->handle;
    }
    hl_kernel_unlock();
    return handle;
}

TickType_t xTaskGetTickCount(void) {
    hl_kernel_checkpoint();
    return (TickType_t)(hl_kernel_now_us() / hl_kernel_tick_us());
}

TickType_t xTaskGetTickCountFromISR(void) {
    return xTaskGetTickCount();
}

UBaseType_t uxTaskGetNumberOfTasks(void) {
    hl_kernel_lock();
    UBaseType_t count = hl_kernel.task_count;
    hl_kernel_unlock();
    return count;
}

BaseType_t xTaskGetSchedulerState(void) {
    if (!hl_kernel.started)
        return taskSCHEDULER_NOT_STARTED;
    const struct hl_task *self = hl_task_self;
    bool suspended = self && self->core >= 0 && hl_kernel.scheduler_suspended[self->core] != 0;
    return suspended ? taskSCHEDULER_SUSPENDED : taskSCHEDULER_RUNNING;
}

// How deep a host stack ever was is not known: for the calling task it is the depth now, for others nothing is used.
static uint32_t unused_stack(const struct hl_task *task) {
    const char *low = task->host_stack_low;
    if (!low)
        return task->stack_bytes;
    const char *here = __builtin_frame_address(0);
    bool own = task == hl_task_self && here >= low && here < task->host_stack_high;
    size_t used = own ? (size_t)(task->host_stack_high - here) : 0;
    return used < task->stack_bytes ? task->stack_bytes - (uint32_t)used : 0;
}

UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t handle) {
    hl_kernel_lock();
    UBaseType_t unused = unused_stack(named(__func__, handle));
    hl_kernel_unlock();
    return unused;
}

uint32_t uxTaskGetStackHighWaterMark2(TaskHandle_t handle) {
    return uxTaskGetStackHighWaterMark(handle);
}

UBaseType_t uxTaskGetSystemState(TaskStatus_t *tasks, UBaseType_t capacity, uint32_t *total_run_time) {
    UBaseType_t count = 0;
    hl_kernel_lock();
    if (capacity >= hl_kernel.task_count) {
        for (const struct hl_task *task = hl_kernel.tasks; task; task = task->next) {
            eTaskState state = task->state == HL_TASK_RUNNING   ? eRunning
                               : task->state == HL_TASK_READY   ? eReady
                               : task->state == HL_TASK_BLOCKED ? eBlocked
                                                                : eSuspended;
            tasks[count++] = (TaskStatus_t){
                .xHandle = task->handle,
                .pcTaskName = task->name,
                .xTaskNumber = task->number,
                .eCurrentState = state,
                .uxCurrentPriority = task->priority,
                .uxBasePriority = task->base_priority,
                .pxStackBase = task->stack,
                .usStackHighWaterMark = unused_stack(task),
                .xCoreID = task->affinity,
            };
        }
    }
    hl_kernel_unlock();
    if (total_run_time)
        *total_run_time = (uint32_t)hl_kernel_now_us();
    return count;
}

BaseType_t xTaskGetCoreID(TaskHandle_t handle) {
    hl_kernel_lock();
    BaseType_t core = named(__func__, handle)->affinity;
    hl_kernel_unlock();
    return core;
}

BaseType_t xTaskGetAffinity(TaskHandle_t handle) {
    return xTaskGetCoreID(handle);
}

static void check_core(const char *call, BaseType_t core) {
    if (core < 0 || core >= (BaseType_t)hl_kernel.cores)
        hl_kernel_fault(call, "core %d is none of this chip's %u", core, hl_kernel.cores);
}

TaskHandle_t xTaskGetIdleTaskHandleForCore(BaseType_t core) {
    check_core(__func__, core);
    return hl_kernel.idle[core] ? hl_kernel.idle[core]->handle : NULL;
}

TaskHandle_t xTaskGetIdleTaskHandleForCPU(UBaseType_t core) {
    return xTaskGetIdleTaskHandleForCore((BaseType_t)core);
}

TaskHandle_t xTaskGetIdleTaskHandle(void) {
    return xTaskGetIdleTaskHandleForCore(xPortGetCoreID());
}

TaskHandle_t xTaskGetCurrentTaskHandleForCore(BaseType_t core) {
    check_core(__func__, core);
    hl_kernel_lock();
    TaskHandle_t handle = hl_kernel.running[core] ? hl_kernel.running[core]->handle : NULL;
    hl_kernel_unlock();
    return handle;
}

TaskHandle_t xTaskGetCurrentTaskHandleForCPU(UBaseType_t core) {
    return xTaskGetCurrentTaskHandleForCore((BaseType_t)core);
}

uint8_t *pxTaskGetStackStart(TaskHandle_t handle) {
    hl_kernel_lock();
    uint8_t *start = named(__func__, handle)->stack;
    hl_kernel_unlock();
    return start;
}

void vTaskSetThreadLocalStoragePointer(TaskHandle_t handle, BaseType_t index, void *value) {
    if (index < 0 || index >= HL_TASK_STORAGE_POINTERS)
        return;
    hl_kernel_lock();
    named(__func__, handle)->storage[index] = value;
    hl_kernel_unlock();
}

void *pvTaskGetThreadLocalStoragePointer(TaskHandle_t handle, BaseType_t index) {
    if (index < 0 || index >= HL_TASK_STORAGE_POINTERS)
        return NULL;
    hl_kernel_lock();
    void *value = named(__func__, handle)->storage[index];
    hl_kernel_unlock();
    return value;
}
