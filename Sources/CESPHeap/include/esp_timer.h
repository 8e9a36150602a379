// SPDX-License-Identifier: Apache-2.0
//
// ESP-IDF's high-resolution timer: microseconds since start-up, and callbacks in the task "esp_timer", which is created
// with the first timer.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct esp_timer *esp_timer_handle_t;
typedef void (*esp_timer_cb_t)(void *argument);
typedef enum { ESP_TIMER_TASK, ESP_TIMER_ISR, ESP_TIMER_MAX } esp_timer_dispatch_t;

typedef struct {
    esp_timer_cb_t callback;
    void *arg;
    esp_timer_dispatch_t dispatch_method;
    const char *name;
    bool skip_unhandled_events;
} esp_timer_create_args_t;

/// Microseconds since start-up.
int64_t esp_timer_get_time(void);
esp_err_t esp_timer_create(const esp_timer_create_args_t *arguments, esp_timer_handle_t *timer);
esp_err_t esp_timer_start_once(esp_timer_handle_t timer, uint64_t timeout_us);
esp_err_t esp_timer_start_periodic(esp_timer_handle_t timer, uint64_t period_us);
esp_err_t esp_timer_restart(esp_timer_handle_t timer, uint64_t timeout_us);
/// ESP_ERR_INVALID_STATE when it is not running.
esp_err_t esp_timer_stop(esp_timer_handle_t timer);
/// ESP_ERR_INVALID_STATE while it is running.
esp_err_t esp_timer_delete(esp_timer_handle_t timer);
bool esp_timer_is_active(esp_timer_handle_t timer);
/// Time of the next alarm in microseconds since start-up, INT64_MAX without one.
int64_t esp_timer_get_next_alarm(void);

#ifdef __cplusplus
}
#endif
