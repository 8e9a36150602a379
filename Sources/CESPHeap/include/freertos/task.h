// SPDX-License-Identifier: Apache-2.0
//
// Tasks: creation, deletion, delays, priorities, notifications.  A handle is the address of the task's control block in
// the emulated heap; stack and control block are allocated and freed there in the chip's order.

#pragma once

#include "freertos/FreeRTOS.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tskTaskControlBlock;
/// Address of a task's control block in the emulated heap.
typedef struct tskTaskControlBlock *TaskHandle_t;
typedef TaskHandle_t const ConstTaskHandle_t;

#define tskIDLE_PRIORITY ((UBaseType_t)0U)
#define tskNO_AFFINITY ((BaseType_t)0x7FFFFFFF)
#define taskSCHEDULER_SUSPENDED ((BaseType_t)0)
#define taskSCHEDULER_NOT_STARTED ((BaseType_t)1)
#define taskSCHEDULER_RUNNING ((BaseType_t)2)
#define tskDEFAULT_INDEX_TO_NOTIFY ((UBaseType_t)0)

typedef enum { eRunning = 0, eReady, eBlocked, eSuspended, eDeleted, eInvalid } eTaskState;
typedef enum { eNoAction = 0, eSetBits, eIncrement, eSetValueWithOverwrite, eSetValueWithoutOverwrite } eNotifyAction;

/// One task as uxTaskGetSystemState reports it.
typedef struct xTASK_STATUS {
    TaskHandle_t xHandle;
    const char *pcTaskName;
    UBaseType_t xTaskNumber;
    eTaskState eCurrentState;
    UBaseType_t uxCurrentPriority;
    UBaseType_t uxBasePriority;
    uint32_t ulRunTimeCounter;
    StackType_t *pxStackBase;
    uint32_t usStackHighWaterMark;
    BaseType_t xCoreID;
} TaskStatus_t;

/// Creates a task that runs on any core.  `stack` is in bytes, as everywhere in ESP-IDF.
BaseType_t xTaskCreate(TaskFunction_t function, const char *name, uint32_t stack, void *argument, UBaseType_t priority,
                       TaskHandle_t *handle);
/// Creates a task for core 0, core 1 or tskNO_AFFINITY.
BaseType_t xTaskCreatePinnedToCore(TaskFunction_t function, const char *name, uint32_t stack, void *argument,
                                   UBaseType_t priority, TaskHandle_t *handle, BaseType_t core);
TaskHandle_t xTaskCreateStatic(TaskFunction_t function, const char *name, uint32_t stack, void *argument,
                               UBaseType_t priority, StackType_t *stack_buffer, StaticTask_t *task_buffer);
TaskHandle_t xTaskCreateStaticPinnedToCore(TaskFunction_t function, const char *name, uint32_t stack, void *argument,
                                           UBaseType_t priority, StackType_t *stack_buffer, StaticTask_t *task_buffer,
                                           BaseType_t core);
/// Deletes a task; NULL means the caller.  Stack and control block go back to the emulated heap: at once for another
/// task, through an idle task for the caller.  No destructor of the task's frames runs, as on the chip.
void vTaskDelete(TaskHandle_t task);

void vTaskDelay(TickType_t ticks);
BaseType_t xTaskDelayUntil(TickType_t *previous, TickType_t increment);
#define vTaskDelayUntil(previous, increment) ((void)xTaskDelayUntil(previous, increment))
BaseType_t xTaskAbortDelay(TaskHandle_t task);
UBaseType_t uxTaskPriorityGet(TaskHandle_t task);
void vTaskPrioritySet(TaskHandle_t task, UBaseType_t priority);
eTaskState eTaskGetState(TaskHandle_t task);
void vTaskSuspend(TaskHandle_t task);
void vTaskResume(TaskHandle_t task);
BaseType_t xTaskResumeFromISR(TaskHandle_t task);
void vTaskSuspendAll(void);
BaseType_t xTaskResumeAll(void);
TickType_t xTaskGetTickCount(void);
TickType_t xTaskGetTickCountFromISR(void);
UBaseType_t uxTaskGetNumberOfTasks(void);
char *pcTaskGetName(TaskHandle_t task);
#define pcTaskGetTaskName(task) pcTaskGetName(task)
TaskHandle_t xTaskGetHandle(const char *name);
/// Bytes of the emulated stack beyond the caller's present depth in host frames, which are larger than the chip's; for
/// another task the whole stack.
UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task);
uint32_t uxTaskGetStackHighWaterMark2(TaskHandle_t task);
UBaseType_t uxTaskGetSystemState(TaskStatus_t *tasks, UBaseType_t capacity, uint32_t *total_run_time);
/// NULL before the scheduler runs, and on threads that are not tasks.
TaskHandle_t xTaskGetCurrentTaskHandle(void);
TaskHandle_t xTaskGetIdleTaskHandle(void);
BaseType_t xTaskGetSchedulerState(void);
void vTaskSetThreadLocalStoragePointer(TaskHandle_t task, BaseType_t index, void *value);
void *pvTaskGetThreadLocalStoragePointer(TaskHandle_t task, BaseType_t index);
void vTaskStartScheduler(void);

#define taskYIELD() vPortYield()
#define taskENTER_CRITICAL(mux) vPortEnterCritical(mux)
#define taskEXIT_CRITICAL(mux) vPortExitCritical(mux)
#define taskENTER_CRITICAL_ISR(mux) vPortEnterCritical(mux)
#define taskEXIT_CRITICAL_ISR(mux) vPortExitCritical(mux)
#define taskDISABLE_INTERRUPTS() portDISABLE_INTERRUPTS()
#define taskENABLE_INTERRUPTS() portENABLE_INTERRUPTS()

BaseType_t xTaskGenericNotify(TaskHandle_t task, UBaseType_t index, uint32_t value, eNotifyAction action,
                              uint32_t *previous);
BaseType_t xTaskGenericNotifyWait(UBaseType_t index, uint32_t clear_on_entry, uint32_t clear_on_exit, uint32_t *value,
                                  TickType_t ticks);
uint32_t ulTaskGenericNotifyTake(UBaseType_t index, BaseType_t clear, TickType_t ticks);
BaseType_t xTaskGenericNotifyStateClear(TaskHandle_t task, UBaseType_t index);
uint32_t ulTaskGenericNotifyValueClear(TaskHandle_t task, UBaseType_t index, uint32_t bits);

#define xTaskNotify(task, value, action) xTaskGenericNotify(task, 0, value, action, NULL)
#define xTaskNotifyIndexed(task, index, value, action) xTaskGenericNotify(task, index, value, action, NULL)
#define xTaskNotifyAndQuery(task, value, action, previous) xTaskGenericNotify(task, 0, value, action, previous)
#define xTaskNotifyGive(task) xTaskGenericNotify(task, 0, 0, eIncrement, NULL)
#define xTaskNotifyGiveIndexed(task, index) xTaskGenericNotify(task, index, 0, eIncrement, NULL)
#define xTaskNotifyWait(entry, exit, value, ticks) xTaskGenericNotifyWait(0, entry, exit, value, ticks)
#define xTaskNotifyWaitIndexed(index, entry, exit, value, ticks) xTaskGenericNotifyWait(index, entry, exit, value, ticks)
#define ulTaskNotifyTake(clear, ticks) ulTaskGenericNotifyTake(0, clear, ticks)
#define ulTaskNotifyTakeIndexed(index, clear, ticks) ulTaskGenericNotifyTake(index, clear, ticks)
#define xTaskNotifyStateClear(task) xTaskGenericNotifyStateClear(task, 0)
#define ulTaskNotifyValueClear(task, bits) ulTaskGenericNotifyValueClear(task, 0, bits)

/// Same as xTaskNotify, for code written for interrupts; sets *woken when a more urgent task became ready.
BaseType_t xTaskGenericNotifyFromISR(TaskHandle_t task, UBaseType_t index, uint32_t value, eNotifyAction action,
                                     uint32_t *previous, BaseType_t *woken);
#define xTaskNotifyFromISR(task, value, action, woken) xTaskGenericNotifyFromISR(task, 0, value, action, NULL, woken)
#define vTaskNotifyGiveFromISR(task, woken) ((void)xTaskGenericNotifyFromISR(task, 0, 0, eIncrement, NULL, woken))

#ifdef __cplusplus
}
#endif

#include "freertos/idf_additions.h"
