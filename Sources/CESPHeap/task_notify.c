// SPDX-License-Identifier: Apache-2.0
//
// Task notifications: one value and one flag per index and task.

#include "kernel.h"

enum { NOT_WAITING, WAITING, RECEIVED };

// What a task waits on while it waits for index n: an address nobody else uses.
static const void *channel(const struct hl_task *task, UBaseType_t index) {
    return &task->notify_value[index];
}

static void check_index(const char *call, UBaseType_t index) {
    if (index >= HL_TASK_NOTIFICATIONS)
        hl_kernel_fault(call, "notification index %u is out of range", index);
}

static struct hl_task *self_or_fault(const char *call) {
    if (!hl_task_self)
        hl_kernel_fault(call, "a thread that is no task cannot wait");
    return hl_task_self;
}

BaseType_t xTaskGenericNotify(TaskHandle_t handle, UBaseType_t index, uint32_t value, eNotifyAction action,
                              uint32_t *previous) {
    check_index(__func__, index);
    BaseType_t result = pdPASS;
    hl_kernel_lock();
    struct hl_task *task = hl_kernel_find(handle);
    if (!task)
        hl_kernel_fault(__func__, "%p is no task", (void *)handle);
    uint32_t *slot = &task->notify_value[index];
    if (previous)
        *previous = *slot;
    uint8_t state = task->notify_state[index];
    task->notify_state[index] = RECEIVED;
    switch (action) {
    case eSetBits:
        *slot |= value;
        break;
    case eIncrement:
        (*slot)++;
        break;
    case eSetValueWithOverwrite:
        *slot = value;
        break;
    case eSetValueWithoutOverwrite:
        if (state == RECEIVED)
            result = pdFAIL;
        else
            *slot = value;
        break;
    case eNoAction:
        break;
    }
    if (state == WAITING)
        hl_kernel_wake(channel(task, index));
    hl_kernel_unlock();
    return result;
}

BaseType_t xTaskGenericNotifyFromISR(TaskHandle_t handle, UBaseType_t index, uint32_t value, eNotifyAction action,
                                     uint32_t *previous, BaseType_t *woken) {
    if (woken)
        *woken = pdFALSE; // the switch has happened by then
    return xTaskGenericNotify(handle, index, value, action, previous);
}

BaseType_t xTaskGenericNotifyWait(UBaseType_t index, uint32_t clear_on_entry, uint32_t clear_on_exit, uint32_t *value,
                                  TickType_t ticks) {
    check_index(__func__, index);
    struct hl_task *self = self_or_fault(__func__);
    hl_kernel_lock();
    if (self->notify_state[index] != RECEIVED) {
        self->notify_value[index] &= ~clear_on_entry;
        self->notify_state[index] = WAITING;
        if (ticks > 0)
            hl_kernel_block(__func__, channel(self, index), ticks);
    }
    if (value)
        *value = self->notify_value[index];
    BaseType_t received = self->notify_state[index] == RECEIVED ? pdTRUE : pdFALSE;
    if (received)
        self->notify_value[index] &= ~clear_on_exit;
    self->notify_state[index] = NOT_WAITING;
    hl_kernel_unlock();
    return received;
}

uint32_t ulTaskGenericNotifyTake(UBaseType_t index, BaseType_t clear, TickType_t ticks) {
    check_index(__func__, index);
    struct hl_task *self = self_or_fault(__func__);
    hl_kernel_lock();
    if (self->notify_value[index] == 0) {
        self->notify_state[index] = WAITING;
        if (ticks > 0)
            hl_kernel_block(__func__, channel(self, index), ticks);
    }
    uint32_t value = self->notify_value[index];
    if (value != 0)
        self->notify_value[index] = clear ? 0 : value - 1;
    self->notify_state[index] = NOT_WAITING;
    hl_kernel_unlock();
    return value;
}

BaseType_t xTaskGenericNotifyStateClear(TaskHandle_t handle, UBaseType_t index) {
    check_index(__func__, index);
    hl_kernel_lock();
    struct hl_task *task = handle ? hl_kernel_find(handle) : hl_task_self;
    BaseType_t was_pending = task && task->notify_state[index] == RECEIVED ? pdPASS : pdFAIL;
    if (was_pending)
        task->notify_state[index] = NOT_WAITING;
    hl_kernel_unlock();
    return was_pending;
}

uint32_t ulTaskGenericNotifyValueClear(TaskHandle_t handle, UBaseType_t index, uint32_t bits) {
    check_index(__func__, index);
    hl_kernel_lock();
    struct hl_task *task = handle ? hl_kernel_find(handle) : hl_task_self;
    uint32_t value = task ? task->notify_value[index] : 0;
    if (task)
        task->notify_value[index] &= ~bits;
    hl_kernel_unlock();
    return value;
}
