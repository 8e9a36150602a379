// SPDX-License-Identifier: Apache-2.0
//
// Critical sections: a spin lock between the cores, and no giving way while one is held.

#include <sched.h>

#include "heapline_chip.h"
#include "kernel.h"

// A tag for the holder that no other thread has at the same time.  A task keeps its core while it holds a lock, so the
// core would do; host threads have none.
static _Thread_local uint32_t own_tag;
static _Atomic uint32_t tags_given;

static uint32_t tag_of_caller(void) {
    if (own_tag == 0)
        own_tag = 1 + atomic_fetch_add_explicit(&tags_given, 1, memory_order_relaxed);
    return own_tag;
}

static bool take(portMUX_TYPE *mux, uint32_t tag) {
    uint32_t owner = SPINLOCK_FREE;
    if (__atomic_load_n(&mux->owner, __ATOMIC_RELAXED) == tag) {
        mux->count++;
        return true;
    }
    // Acquire: pairs with the release in vPortExitCritical.
    if (!__atomic_compare_exchange_n(&mux->owner, &owner, tag, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    mux->count = 1;
    return true;
}

BaseType_t xPortEnterCriticalTimeout(portMUX_TYPE *mux, BaseType_t timeout) {
    hl_critical_nesting++;
    uint32_t tag = tag_of_caller();
    for (BaseType_t tries = 0;; tries++) {
        if (take(mux, tag))
            return pdPASS;
        if (timeout >= 0 && tries >= timeout) {
            hl_critical_nesting--;
            hl_kernel_checkpoint();
            return pdFAIL;
        }
        // The holder runs on the other core, but the host may have put its thread aside.
        if ((tries & 63) == 63)
            sched_yield();
    }
}

void vPortEnterCritical(portMUX_TYPE *mux) {
    xPortEnterCriticalTimeout(mux, portMUX_NO_TIMEOUT);
}

void vPortExitCritical(portMUX_TYPE *mux) {
    if (__atomic_load_n(&mux->owner, __ATOMIC_RELAXED) != tag_of_caller() || mux->count == 0)
        hl_kernel_fault(__func__, "the lock at %p is not held by this task", (void *)mux);
    if (--mux->count == 0)
        __atomic_store_n(&mux->owner, SPINLOCK_FREE, __ATOMIC_RELEASE);
    hl_critical_nesting--;
    hl_kernel_checkpoint();
}

BaseType_t xPortGetCoreID(void) {
    const struct hl_task *self = hl_task_self;
    return self && self->core >= 0 ? self->core : 0;
}

BaseType_t xPortInIsrContext(void) {
    return pdFALSE;
}

BaseType_t xPortCanYield(void) {
    return hl_kernel_can_preempt() ? pdTRUE : pdFALSE;
}

void vPortAssertIfInISR(void) {
}

void vPortYield(void) {
    hl_kernel_yield();
}
