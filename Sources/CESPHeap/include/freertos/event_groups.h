// SPDX-License-Identifier: Apache-2.0
//
// Event groups: 24 bits that tasks set, clear and wait for.

#pragma once

#include "freertos/FreeRTOS.h"

#ifdef __cplusplus
extern "C" {
#endif

struct EventGroupDef_t;
typedef struct EventGroupDef_t *EventGroupHandle_t;
typedef TickType_t EventBits_t;

EventGroupHandle_t xEventGroupCreate(void);
EventGroupHandle_t xEventGroupCreateStatic(StaticEventGroup_t *memory);
void vEventGroupDelete(EventGroupHandle_t group);
/// Waits until all (or any) of `bits` are set; returns the bits as they were when the wait ended.
EventBits_t xEventGroupWaitBits(EventGroupHandle_t group, const EventBits_t bits, const BaseType_t clear_on_exit,
                                const BaseType_t wait_for_all, TickType_t ticks);
EventBits_t xEventGroupSetBits(EventGroupHandle_t group, const EventBits_t bits);
EventBits_t xEventGroupClearBits(EventGroupHandle_t group, const EventBits_t bits);
EventBits_t xEventGroupSync(EventGroupHandle_t group, const EventBits_t set, const EventBits_t wait_for,
                            TickType_t ticks);
#define xEventGroupGetBits(group) xEventGroupClearBits(group, 0)
#define xEventGroupGetBitsFromISR(group) xEventGroupClearBits(group, 0)
BaseType_t xEventGroupSetBitsFromISR(EventGroupHandle_t group, const EventBits_t bits, BaseType_t *woken);

#ifdef __cplusplus
}
#endif
