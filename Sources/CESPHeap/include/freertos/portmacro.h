// SPDX-License-Identifier: Apache-2.0
//
// Types and macros of the FreeRTOS port.  ESP-IDF's names and values; two virtual cores, 32-bit ticks.

#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sdkconfig.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int BaseType_t;
typedef unsigned int UBaseType_t;
typedef uint32_t TickType_t;
typedef uint8_t StackType_t;

#define portMAX_DELAY ((TickType_t)0xffffffffUL)
#define portTICK_PERIOD_MS ((TickType_t)1000 / configTICK_RATE_HZ)
#define portTICK_RATE_MS portTICK_PERIOD_MS
#define portBYTE_ALIGNMENT 16
#define portSTACK_GROWTH (-1)
#define portNUM_PROCESSORS CONFIG_FREERTOS_NUMBER_OF_CORES

/// A spin lock between the two cores; recursive on the core that holds it.
typedef struct {
    uint32_t owner;
    uint32_t count;
} portMUX_TYPE;

typedef portMUX_TYPE spinlock_t;

#define SPINLOCK_FREE 0xB33FFFFFU
#define SPINLOCK_INITIALIZER {SPINLOCK_FREE, 0}
#define SPINLOCK_WAIT_FOREVER (-1)
#define SPINLOCK_NO_WAIT 0
#define portMUX_FREE_VAL SPINLOCK_FREE
#define portMUX_NO_TIMEOUT SPINLOCK_WAIT_FOREVER
#define portMUX_TRY_LOCK SPINLOCK_NO_WAIT
#define portMUX_INITIALIZER_UNLOCKED SPINLOCK_INITIALIZER
#define portMUX_INITIALIZE(mux) \
    do { \
        (mux)->owner = SPINLOCK_FREE; \
        (mux)->count = 0; \
    } while (0)
#define spinlock_initialize(lock) portMUX_INITIALIZE(lock)

/// Takes the lock and keeps this core to the calling task until it is given back.
void vPortEnterCritical(portMUX_TYPE *mux);
void vPortExitCritical(portMUX_TYPE *mux);
/// Tries for `timeout` cycles; pdPASS (1) or pdFAIL (0).
BaseType_t xPortEnterCriticalTimeout(portMUX_TYPE *mux, BaseType_t timeout);
/// The virtual core the caller runs on: 0 or 1.
BaseType_t xPortGetCoreID(void);
/// Always pdFALSE: the emulation has no interrupts.
BaseType_t xPortInIsrContext(void);
BaseType_t xPortCanYield(void);
void vPortYield(void);
void vPortAssertIfInISR(void);
size_t xPortGetFreeHeapSize(void);
size_t xPortGetMinimumEverFreeHeapSize(void);
void *pvPortMalloc(size_t size);
void vPortFree(void *block);

#define portENTER_CRITICAL(mux) vPortEnterCritical(mux)
#define portEXIT_CRITICAL(mux) vPortExitCritical(mux)
#define portTRY_ENTER_CRITICAL(mux, timeout) xPortEnterCriticalTimeout(mux, timeout)
#define portENTER_CRITICAL_ISR(mux) vPortEnterCritical(mux)
#define portEXIT_CRITICAL_ISR(mux) vPortExitCritical(mux)
#define portTRY_ENTER_CRITICAL_ISR(mux, timeout) xPortEnterCriticalTimeout(mux, timeout)
#define portENTER_CRITICAL_SAFE(mux) vPortEnterCritical(mux)
#define portEXIT_CRITICAL_SAFE(mux) vPortExitCritical(mux)
#define spinlock_acquire(lock, timeout) (xPortEnterCriticalTimeout(lock, timeout) != 0)
#define spinlock_release(lock) vPortExitCritical(lock)
#define portSET_INTERRUPT_MASK_FROM_ISR() 0
#define portCLEAR_INTERRUPT_MASK_FROM_ISR(state) ((void)(state))
#define portDISABLE_INTERRUPTS() ((void)0)
#define portENABLE_INTERRUPTS() ((void)0)
#define portYIELD() vPortYield()
#define portYIELD_WITHIN_API() vPortYield()
#define portYIELD_FROM_ISR(...) vPortYield()
#define portEND_SWITCHING_ISR(woken) ((woken) ? vPortYield() : (void)0)
#define portASSERT_IF_IN_ISR() vPortAssertIfInISR()
#define portGET_CORE_ID() xPortGetCoreID()
#define portMEMORY_BARRIER() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define portNOP() ((void)0)

#ifdef __cplusplus
}
#endif
