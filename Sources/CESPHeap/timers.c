// SPDX-License-Identifier: Apache-2.0
//
// FreeRTOS software timers on alarms.  Commands act at once instead of passing through the timer task's queue, so they
// always succeed.

#include "freertos/timers.h"

#include <string.h>

#include "alarm.h"
#include "kernel.h"
#include "kernel_object.h"

struct hl_timer {
    struct hl_object object;
    struct hl_alarm alarm;
    const char *name;
    TickType_t period;
    bool reload;
    void *id;
    TimerCallbackFunction_t callback;
};

static struct hl_alarm_service service = {
    .name = "Tmr Svc",
    .stack_bytes = configTIMER_TASK_STACK_DEPTH,
    .priority = configTIMER_TASK_PRIORITY,
};

static void run_timer(void *context) {
    struct hl_timer *timer = context;
    timer->callback(timer->object.handle);
}

TimerHandle_t xTimerCreateStatic(const char *name, const TickType_t period, const BaseType_t reload, void *id,
                                 TimerCallbackFunction_t callback, StaticTimer_t *memory) {
    if (period == 0 || !callback)
        hl_kernel_fault(__func__, "a timer has a period and a callback");
    hl_alarm_service_start(&service);
    struct hl_timer *timer = hl_object_create(HL_OBJECT_TIMER, sizeof *timer, HL_TIMER_CONTROL_BYTES, memory);
    if (!timer)
        return NULL;
    memset(timer->object.handle, 0, HL_TIMER_CONTROL_BYTES);
    timer->alarm = (struct hl_alarm){.deadline_us = HL_KERNEL_NEVER, .run = run_timer, .context = timer};
    timer->name = name;
    timer->period = period;
    timer->reload = reload != pdFALSE;
    timer->id = id;
    timer->callback = callback;
    hl_object_publish(&timer->object);
    return timer->object.handle;
}

TimerHandle_t xTimerCreate(const char *name, const TickType_t period, const BaseType_t reload, void *id,
                           TimerCallbackFunction_t callback) {
    return xTimerCreateStatic(name, period, reload, id, callback, NULL);
}

static struct hl_timer *find(const char *call, TimerHandle_t handle) {
    return hl_object_find(call, HL_OBJECT_TIMER, handle);
}

static void arm(struct hl_timer *timer) {
    uint64_t period_us = (uint64_t)timer->period * hl_kernel_tick_us();
    hl_alarm_arm(&service, &timer->alarm, hl_kernel_deadline_us(timer->period), timer->reload ? period_us : 0);
}

BaseType_t xTimerStart(TimerHandle_t handle, TickType_t ticks) {
    (void)ticks;
    hl_kernel_lock();
    arm(find(__func__, handle));
    hl_kernel_unlock();
    return pdPASS;
}

BaseType_t xTimerReset(TimerHandle_t handle, TickType_t ticks) {
    return xTimerStart(handle, ticks);
}

BaseType_t xTimerStop(TimerHandle_t handle, TickType_t ticks) {
    (void)ticks;
    hl_kernel_lock();
    hl_alarm_disarm(&service, &find(__func__, handle)->alarm);
    hl_kernel_unlock();
    return pdPASS;
}

BaseType_t xTimerChangePeriod(TimerHandle_t handle, TickType_t period, TickType_t ticks) {
    (void)ticks;
    hl_kernel_lock();
    struct hl_timer *timer = find(__func__, handle);
    timer->period = period;
    arm(timer);
    hl_kernel_unlock();
    return pdPASS;
}

BaseType_t xTimerDelete(TimerHandle_t handle, TickType_t ticks) {
    (void)ticks;
    hl_kernel_lock();
    struct hl_timer *timer = find(__func__, handle);
    hl_alarm_disarm(&service, &timer->alarm);
    hl_object_unlink(&timer->object);
    hl_kernel_unlock();
    hl_object_free(&timer->object);
    return pdPASS;
}

BaseType_t xTimerIsTimerActive(TimerHandle_t handle) {
    hl_kernel_lock();
    BaseType_t active = find(__func__, handle)->alarm.deadline_us != HL_KERNEL_NEVER ? pdTRUE : pdFALSE;
    hl_kernel_unlock();
    return active;
}

void *pvTimerGetTimerID(TimerHandle_t handle) {
    hl_kernel_lock();
    void *id = find(__func__, handle)->id;
    hl_kernel_unlock();
    return id;
}

void vTimerSetTimerID(TimerHandle_t handle, void *id) {
    hl_kernel_lock();
    find(__func__, handle)->id = id;
    hl_kernel_unlock();
}

const char *pcTimerGetName(TimerHandle_t handle) {
    hl_kernel_lock();
    const char *name = find(__func__, handle)->name;
    hl_kernel_unlock();
    return name;
}

TickType_t xTimerGetPeriod(TimerHandle_t handle) {
    hl_kernel_lock();
    TickType_t period = find(__func__, handle)->period;
    hl_kernel_unlock();
    return period;
}

TickType_t xTimerGetExpiryTime(TimerHandle_t handle) {
    hl_kernel_lock();
    uint64_t deadline = find(__func__, handle)->alarm.deadline_us;
    hl_kernel_unlock();
    return deadline == HL_KERNEL_NEVER ? 0 : (TickType_t)(deadline / hl_kernel_tick_us());
}
