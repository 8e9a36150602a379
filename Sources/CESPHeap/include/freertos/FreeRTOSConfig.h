// SPDX-License-Identifier: Apache-2.0
//
// What ESP-IDF's FreeRTOSConfig.h derives from sdkconfig.h, as far as firmware looks at it.

#pragma once

#include <sdkconfig.h>

#define configTICK_RATE_HZ ((TickType_t)CONFIG_FREERTOS_HZ)
#define configMAX_PRIORITIES 25
#define configMINIMAL_STACK_SIZE 768
#define configIDLE_TASK_STACK_SIZE CONFIG_FREERTOS_IDLE_TASK_STACKSIZE
#define configMAX_TASK_NAME_LEN 16
#define configNUM_THREAD_LOCAL_STORAGE_POINTERS 8
#define configTASK_NOTIFICATION_ARRAY_ENTRIES 8
#define configNUMBER_OF_CORES CONFIG_FREERTOS_NUMBER_OF_CORES
#define configNUM_CORES configNUMBER_OF_CORES
#define configUSE_PREEMPTION 1
#define configUSE_TIME_SLICING 1
#define configUSE_MUTEXES 1
#define configUSE_RECURSIVE_MUTEXES 1
#define configUSE_COUNTING_SEMAPHORES 1
#define configUSE_TASK_NOTIFICATIONS 1
#define configUSE_TIMERS 1
#define configUSE_TRACE_FACILITY 1
#define configSUPPORT_STATIC_ALLOCATION 1
#define configSUPPORT_DYNAMIC_ALLOCATION 1
#define configTIMER_TASK_PRIORITY 1
#define configTIMER_QUEUE_LENGTH 10
#define configTIMER_TASK_STACK_DEPTH 2048
#define INCLUDE_vTaskDelete 1
#define INCLUDE_vTaskDelay 1
#define INCLUDE_vTaskSuspend 1
#define INCLUDE_xTaskGetIdleTaskHandle 1

#ifndef configASSERT
#define configASSERT(condition) ((condition) ? (void)0 : vAssertCalled(#condition, __FILE__, __LINE__))
#endif
