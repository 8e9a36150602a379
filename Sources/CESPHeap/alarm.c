// SPDX-License-Identifier: Apache-2.0
//
// See alarm.h.

#include "alarm.h"

#include "kernel.h"

void hl_alarm_disarm(struct hl_alarm_service *service, struct hl_alarm *alarm) {
    struct hl_alarm **link = &service->first;
    while (*link && *link != alarm)
        link = &(*link)->next;
    if (*link)
        *link = alarm->next;
    alarm->next = NULL;
    alarm->deadline_us = HL_KERNEL_NEVER;
}

void hl_alarm_arm(struct hl_alarm_service *service, struct hl_alarm *alarm, uint64_t deadline_us, uint64_t period_us) {
    hl_alarm_disarm(service, alarm);
    alarm->deadline_us = deadline_us;
    alarm->period_us = period_us;
    struct hl_alarm **link = &service->first;
    while (*link && (*link)->deadline_us <= deadline_us)
        link = &(*link)->next;
    alarm->next = *link;
    *link = alarm;
    if (service->first == alarm)
        hl_kernel_wake(service);
}

static void serve(void *argument) {
    struct hl_alarm_service *service = argument;
    hl_kernel_lock();
    for (;;) {
        struct hl_alarm *alarm = service->first;
        uint64_t now = hl_kernel_now_us();
        if (!alarm || alarm->deadline_us > now) {
            hl_kernel_block_until(service->name, service, alarm ? alarm->deadline_us : HL_KERNEL_NEVER);
            continue;
        }
        uint64_t deadline = alarm->deadline_us;
        if (alarm->period_us > 0)
            hl_alarm_arm(service, alarm, deadline + alarm->period_us, alarm->period_us);
        else
            hl_alarm_disarm(service, alarm);
        void (*run)(void *) = alarm->run;
        void *context = alarm->context;
        hl_kernel_unlock();
        run(context);
        hl_kernel_lock();
    }
}

void hl_alarm_service_start(struct hl_alarm_service *service) {
    hl_kernel_lock();
    bool start = !service->started;
    service->started = true;
    hl_kernel_unlock();
    if (start)
        xTaskCreatePinnedToCore(serve, service->name, service->stack_bytes, service, service->priority, NULL, 0);
}
