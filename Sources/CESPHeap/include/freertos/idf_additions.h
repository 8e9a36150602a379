// SPDX-License-Identifier: Apache-2.0
//
// What ESP-IDF adds to FreeRTOS: cores, and objects in memory of given capabilities.

#pragma once

#include "freertos/task.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The core a task is pinned to, or tskNO_AFFINITY; NULL means the caller.
BaseType_t xTaskGetCoreID(TaskHandle_t task);
BaseType_t xTaskGetAffinity(TaskHandle_t task);
TaskHandle_t xTaskGetIdleTaskHandleForCore(BaseType_t core);
TaskHandle_t xTaskGetIdleTaskHandleForCPU(UBaseType_t core);
TaskHandle_t xTaskGetCurrentTaskHandleForCore(BaseType_t core);
TaskHandle_t xTaskGetCurrentTaskHandleForCPU(UBaseType_t core);
uint8_t *pxTaskGetStackStart(TaskHandle_t task);
/// As xTaskCreatePinnedToCore with the stack in memory of `caps`; delete with vTaskDeleteWithCaps.
BaseType_t xTaskCreatePinnedToCoreWithCaps(TaskFunction_t function, const char *name, uint32_t stack, void *argument,
                                           UBaseType_t priority, TaskHandle_t *handle, BaseType_t core, UBaseType_t caps);
BaseType_t xTaskCreateWithCaps(TaskFunction_t function, const char *name, uint32_t stack, void *argument,
                               UBaseType_t priority, TaskHandle_t *handle, UBaseType_t caps);
void vTaskDeleteWithCaps(TaskHandle_t task);

#ifdef __cplusplus
}
#endif
