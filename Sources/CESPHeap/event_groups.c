// SPDX-License-Identifier: Apache-2.0
//
// Event groups.  Setting bits looks at every waiter once, releases those that are satisfied, and only then clears what
// they asked to have cleared: several tasks can be released by one bit.

#include "freertos/event_groups.h"

#include <string.h>

#include "kernel.h"
#include "kernel_object.h"


struct hl_events {
    struct hl_object object;
    EventBits_t bits;
};

#define USABLE_BITS ((EventBits_t)0x00ffffff)

EventGroupHandle_t xEventGroupCreateStatic(StaticEventGroup_t *memory) {
    struct hl_events *events =
        hl_object_create(HL_OBJECT_EVENTS, sizeof *events, HL_EVENTS_CONTROL_BYTES, memory);
    if (!events)
        return NULL;
    memset(events->object.handle, 0, HL_EVENTS_CONTROL_BYTES);
    hl_object_publish(&events->object);
    return events->object.handle;
}

EventGroupHandle_t xEventGroupCreate(void) {
    return xEventGroupCreateStatic(NULL);
}

static bool satisfies(EventBits_t bits, EventBits_t wanted, bool all) {
    return all ? (bits & wanted) == wanted : (bits & wanted) != 0;
}

static void set_bits(struct hl_events *events, EventBits_t bits) {
    events->bits |= bits & USABLE_BITS;
    EventBits_t to_clear = 0;
    for (struct hl_task *task = hl_kernel.tasks; task; task = task->next) {
        if (task->state != HL_TASK_BLOCKED || task->waiting_for != events ||
            !satisfies(events->bits, task->event_bits, task->event_all))
            continue;
        task->event_satisfied = true;
        task->event_result = events->bits;
        if (task->event_clear)
            to_clear |= task->event_bits;
        hl_kernel_make_ready(task);
    }
    events->bits &= ~to_clear;
}

static EventBits_t wait_bits(const char *call, struct hl_events *events, EventBits_t bits, bool all, bool clear,
                             TickType_t ticks) {
    if (satisfies(events->bits, bits, all)) {
        EventBits_t result = events->bits;
        if (clear)
            events->bits &= ~bits;
        return result;
    }
    struct hl_task *self = hl_task_self;
    if (ticks == 0 || !self)
        return events->bits;
    self->event_bits = bits;
    self->event_all = all;
    self->event_clear = clear;
    self->event_satisfied = false;
    uint64_t deadline = hl_kernel_deadline_us(ticks);
    while (!self->event_satisfied && hl_kernel_block_until(call, events, deadline)) {
    }
    return self->event_satisfied ? self->event_result : events->bits;
}

EventBits_t xEventGroupWaitBits(EventGroupHandle_t group, const EventBits_t bits, const BaseType_t clear_on_exit,
                                const BaseType_t wait_for_all, TickType_t ticks) {
    if (bits == 0 || (bits & ~USABLE_BITS) != 0)
        hl_kernel_fault(__func__, "bits 0x%08x cannot be waited for", (unsigned)bits);
    hl_kernel_lock();
    struct hl_events *events = hl_object_find(__func__, HL_OBJECT_EVENTS, group);
    EventBits_t result = wait_bits(__func__, events, bits, wait_for_all != pdFALSE, clear_on_exit != pdFALSE, ticks);
    hl_kernel_unlock();
    return result;
}

EventBits_t xEventGroupSync(EventGroupHandle_t group, const EventBits_t set, const EventBits_t wait_for,
                            TickType_t ticks) {
    hl_kernel_lock();
    struct hl_events *events = hl_object_find(__func__, HL_OBJECT_EVENTS, group);
    set_bits(events, set);
    EventBits_t result = wait_bits(__func__, events, wait_for, true, true, ticks);
    hl_kernel_unlock();
    return result;
}

EventBits_t xEventGroupSetBits(EventGroupHandle_t group, const EventBits_t bits) {
    hl_kernel_lock();
    struct hl_events *events = hl_object_find(__func__, HL_OBJECT_EVENTS, group);
    set_bits(events, bits);
    EventBits_t result = events->bits;
    hl_kernel_unlock();
    return result;
}

BaseType_t xEventGroupSetBitsFromISR(EventGroupHandle_t group, const EventBits_t bits, BaseType_t *woken) {
    if (woken)
        *woken = pdFALSE;
    xEventGroupSetBits(group, bits);
    return pdPASS;
}

EventBits_t xEventGroupClearBits(EventGroupHandle_t group, const EventBits_t bits) {
    hl_kernel_lock();
    struct hl_events *events = hl_object_find(__func__, HL_OBJECT_EVENTS, group);
    EventBits_t before = events->bits;
    events->bits &= ~bits;
    hl_kernel_unlock();
    return before;
}

void vEventGroupDelete(EventGroupHandle_t group) {
    hl_kernel_lock();
    struct hl_events *events = hl_object_find(__func__, HL_OBJECT_EVENTS, group);
    for (struct hl_task *task = hl_kernel.tasks; task; task = task->next) {
        if (task->state == HL_TASK_BLOCKED && task->waiting_for == events) {
            task->event_satisfied = true;
            task->event_result = 0;
            hl_kernel_make_ready(task);
        }
    }
    hl_object_unlink(&events->object);
    hl_kernel_unlock();
    hl_object_free(&events->object);
}
