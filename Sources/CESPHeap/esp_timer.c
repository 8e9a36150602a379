// SPDX-License-Identifier: Apache-2.0
//
// esp_timer on alarms.  Its structure lies in the emulated heap with the chip's 48 bytes (v5.x, no profiling).

#include "esp_timer.h"

#include <string.h>

#include "alarm.h"
#include "kernel.h"
#include "kernel_object.h"

enum { ESP_TIMER_CONTROL_BYTES = 48, ESP_TIMER_STACK_BYTES = 4096, ESP_TIMER_PRIORITY = 22 };

struct hl_esp_timer {
    struct hl_object object;
    struct hl_alarm alarm;
};

static struct hl_alarm_service service = {
    .name = "esp_timer",
    .stack_bytes = ESP_TIMER_STACK_BYTES,
    .priority = ESP_TIMER_PRIORITY,
};

int64_t esp_timer_get_time(void) {
    hl_kernel_checkpoint();
    return (int64_t)hl_kernel_now_us();
}

esp_err_t esp_timer_create(const esp_timer_create_args_t *arguments, esp_timer_handle_t *timer_out) {
    if (!arguments || !arguments->callback || !timer_out)
        return ESP_ERR_INVALID_ARG;
    hl_alarm_service_start(&service);
    struct hl_esp_timer *timer =
        hl_object_create(HL_OBJECT_TIMER, sizeof *timer, ESP_TIMER_CONTROL_BYTES, NULL);
    if (!timer)
        return ESP_ERR_NO_MEM;
    memset(timer->object.handle, 0, ESP_TIMER_CONTROL_BYTES);
    timer->alarm = (struct hl_alarm){
        .deadline_us = HL_KERNEL_NEVER, .run = arguments->callback, .context = arguments->arg};
    hl_object_publish(&timer->object);
    *timer_out = timer->object.handle;
    return ESP_OK;
}

static esp_err_t start(const char *call, esp_timer_handle_t handle, uint64_t after_us, uint64_t period_us,
                       bool restart) {
    if (!handle)
        return ESP_ERR_INVALID_ARG;
    hl_kernel_lock();
    struct hl_esp_timer *timer = hl_object_find(call, HL_OBJECT_TIMER, handle);
    bool active = timer->alarm.deadline_us != HL_KERNEL_NEVER;
    esp_err_t result = active == restart ? ESP_OK : ESP_ERR_INVALID_STATE;
    if (result == ESP_OK) {
        uint64_t period = restart && timer->alarm.period_us > 0 ? after_us : period_us;
        hl_alarm_arm(&service, &timer->alarm, hl_kernel_now_us() + after_us, period);
    }
    hl_kernel_unlock();
    return result;
}

esp_err_t esp_timer_start_once(esp_timer_handle_t timer, uint64_t timeout_us) {
    return start(__func__, timer, timeout_us, 0, false);
}

esp_err_t esp_timer_start_periodic(esp_timer_handle_t timer, uint64_t period_us) {
    enum { SHORTEST_PERIOD_US = 50 };
    if (period_us < SHORTEST_PERIOD_US)
        period_us = SHORTEST_PERIOD_US;
    return start(__func__, timer, period_us, period_us, false);
}

esp_err_t esp_timer_restart(esp_timer_handle_t timer, uint64_t timeout_us) {
    return start(__func__, timer, timeout_us, 0, true);
}

esp_err_t esp_timer_stop(esp_timer_handle_t handle) {
    if (!handle)
        return ESP_ERR_INVALID_ARG;
    hl_kernel_lock();
    struct hl_esp_timer *timer = hl_object_find(__func__, HL_OBJECT_TIMER, handle);
    bool active = timer->alarm.deadline_us != HL_KERNEL_NEVER;
    hl_alarm_disarm(&service, &timer->alarm);
    hl_kernel_unlock();
    return active ? ESP_OK : ESP_ERR_INVALID_STATE;
}

esp_err_t esp_timer_delete(esp_timer_handle_t handle) {
    if (!handle)
        return ESP_ERR_INVALID_ARG;
    hl_kernel_lock();
    struct hl_esp_timer *timer = hl_object_find(__func__, HL_OBJECT_TIMER, handle);
    bool active = timer->alarm.deadline_us != HL_KERNEL_NEVER;
    if (!active)
        hl_object_unlink(&timer->object);
    hl_kernel_unlock();
    if (active)
        return ESP_ERR_INVALID_STATE;
    hl_object_free(&timer->object);
    return ESP_OK;
}

bool esp_timer_is_active(esp_timer_handle_t handle) {
    if (!handle)
        return false;
    hl_kernel_lock();
    struct hl_esp_timer *timer = hl_object_find(__func__, HL_OBJECT_TIMER, handle);
    bool active = timer->alarm.deadline_us != HL_KERNEL_NEVER;
    hl_kernel_unlock();
    return active;
}

int64_t esp_timer_get_next_alarm(void) {
    hl_kernel_lock();
    int64_t next = service.first ? (int64_t)service.first->deadline_us : INT64_MAX;
    hl_kernel_unlock();
    return next;
}
