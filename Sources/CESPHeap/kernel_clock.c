// SPDX-License-Identifier: Apache-2.0
//
// Emulated time: the host's monotonic clock plus whatever was skipped.  One thread, the timekeeper, ends delays whose
// time has come and cuts time slices; there is no periodic tick while nobody needs one.
//
// With hl_kernel_skip_idle time is what the firmware computes: the process's processor time, and a jump to the next
// deadline whenever every task waits.  So a firmware that mostly sleeps runs as fast as it computes, a test never waits,
// and a busy host does not make timeouts expire.

#include <errno.h>
#include <time.h>

#include "kernel.h"
#include "preempt.h"

_Atomic uint32_t hl_kernel_tick_hz = 100;
_Atomic bool hl_kernel_skip_idle;

static _Atomic uint64_t start_us, skipped_us;
static pthread_once_t condition_once = PTHREAD_ONCE_INIT;

static uint64_t clock_us(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static uint64_t host_us(void) {
    // Relaxed: set once, before tasks exist.
    bool skips = atomic_load_explicit(&hl_kernel_skip_idle, memory_order_relaxed);
    return clock_us(skips ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC);
}

void hl_kernel_clock_reset(bool skip_idle) {
    atomic_store(&hl_kernel_skip_idle, skip_idle);
    atomic_store(&start_us, host_us());
}

static void make_condition(void) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&hl_kernel.clock_changed, &attributes);
    pthread_condattr_destroy(&attributes);
    atomic_store(&start_us, host_us());
}

__attribute__((constructor)) static void start_counting(void) {
    pthread_once(&condition_once, make_condition);
}

uint64_t hl_kernel_now_us(void) {
    // Relaxed: start_us never changes after start-up, and a skip is ordered by the kernel lock.
    return host_us() - atomic_load_explicit(&start_us, memory_order_relaxed) +
           atomic_load_explicit(&skipped_us, memory_order_relaxed);
}

uint64_t hl_kernel_tick_us(void) {
    return 1000000u / atomic_load_explicit(&hl_kernel_tick_hz, memory_order_relaxed);
}

uint64_t hl_kernel_deadline_us(TickType_t ticks) {
    if (ticks == portMAX_DELAY)
        return HL_KERNEL_NEVER;
    uint64_t tick_us = hl_kernel_tick_us();
    return (hl_kernel_now_us() / tick_us + ticks) * tick_us;
}

static uint64_t next_deadline(void) {
    uint64_t next = HL_KERNEL_NEVER;
    for (const struct hl_task *task = hl_kernel.tasks; task; task = task->next) {
        if (task->state == HL_TASK_BLOCKED && task->wake_us < next)
            next = task->wake_us;
    }
    return next;
}

void hl_kernel_expire(void) {
    uint64_t now = hl_kernel_now_us();
    for (;;) {
        struct hl_task *due = NULL;
        for (struct hl_task *task = hl_kernel.tasks; task; task = task->next) {
            if (task->state == HL_TASK_BLOCKED && task->wake_us <= now &&
                (!due || task->wake_us < due->wake_us ||
                 (task->wake_us == due->wake_us && task->order < due->order)))
                due = task;
        }
        if (!due)
            return;
        due->timed_out = true;
        hl_kernel_make_ready(due);
    }
}

void hl_kernel_skip_to_next_deadline(void) {
    uint64_t next = next_deadline();
    if (next == HL_KERNEL_NEVER) {
        hl_kernel.deadlocked = true;
        pthread_cond_broadcast(&hl_kernel.finished);
        return;
    }
    if (!atomic_load_explicit(&hl_kernel_skip_idle, memory_order_relaxed))
        return;
    uint64_t now = hl_kernel_now_us();
    if (next > now)
        atomic_fetch_add_explicit(&skipped_us, next - now, memory_order_relaxed);
    hl_kernel_expire();
    // The timekeeper sleeps for as long as was skipped just now: the next deadline may come before.
    pthread_cond_signal(&hl_kernel.clock_changed);
}

// Asks each running task that shares its priority with a waiting one to give way.  Returns whether anybody waits.
static bool cut_slices(void) {
    bool somebody_waits = false;
    for (const struct hl_task *task = hl_kernel.tasks; task; task = task->next) {
        if (task->state != HL_TASK_READY)
            continue;
        for (unsigned core = 0; core < hl_kernel.cores; core++) {
            struct hl_task *running = hl_kernel.running[core];
            bool fits = task->affinity == tskNO_AFFINITY || task->affinity == (BaseType_t)core;
            if (!running || !fits || running->parked || task->priority < running->priority)
                continue;
            somebody_waits = true;
            atomic_store_explicit(&hl_kernel.reschedule[core], true, memory_order_relaxed);
            hl_preempt(running);
        }
    }
    return somebody_waits;
}

static void *keep_time(void *argument) {
    (void)argument;
    pthread_mutex_lock(&hl_kernel.lock);
    while (!hl_kernel.stopping) {
        hl_kernel_expire();
        uint64_t next = next_deadline();
        uint64_t now = hl_kernel_now_us();
        if (cut_slices() && next > now + hl_kernel_tick_us())
            next = now + hl_kernel_tick_us();
        hl_kernel.next_deadline_us = next;
        if (next == HL_KERNEL_NEVER) {
            pthread_cond_wait(&hl_kernel.clock_changed, &hl_kernel.lock);
        } else if (next > now) {
            uint64_t until_us = clock_us(CLOCK_MONOTONIC) + (next - now);
            struct timespec until = {.tv_sec = (time_t)(until_us / 1000000u),
                                     .tv_nsec = (long)(until_us % 1000000u) * 1000};
            pthread_cond_timedwait(&hl_kernel.clock_changed, &hl_kernel.lock, &until);
        }
    }
    hl_kernel.clock_running = false;
    pthread_cond_broadcast(&hl_kernel.finished);
    pthread_mutex_unlock(&hl_kernel.lock);
    return NULL;
}

void hl_kernel_clock_start(void) {
    if (hl_kernel.clock_running)
        return;
    pthread_t thread;
    hl_kernel.clock_running = pthread_create(&thread, NULL, keep_time, NULL) == 0;
    if (hl_kernel.clock_running)
        pthread_detach(thread);
}
