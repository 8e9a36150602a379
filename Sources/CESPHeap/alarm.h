// SPDX-License-Identifier: Apache-2.0
//
// Alarms: what FreeRTOS timers and esp_timer have in common.  A service task of the emulation runs the callbacks in the
// order of their deadlines; each of the two kinds has its own service task, as on the chip.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "freertos/FreeRTOS.h"

// deadline_us == HL_KERNEL_NEVER  ⇔  not armed  ⇔  not in its service's list.
struct hl_alarm {
    struct hl_alarm *next;
    uint64_t deadline_us, period_us; // period 0: once
    void (*run)(void *context);
    void *context;
};

struct hl_alarm_service {
    const char *name;
    uint32_t stack_bytes;
    UBaseType_t priority;
    struct hl_alarm *first; // by deadline
    bool started;
};

// Creates the service's task if there is none yet.  No lock held.
void hl_alarm_service_start(struct hl_alarm_service *service);
// Kernel lock held.
void hl_alarm_arm(struct hl_alarm_service *service, struct hl_alarm *alarm, uint64_t deadline_us, uint64_t period_us);
void hl_alarm_disarm(struct hl_alarm_service *service, struct hl_alarm *alarm);
