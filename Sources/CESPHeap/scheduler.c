// SPDX-License-Identifier: Apache-2.0
//
// Which task runs on which core: the two tokens, blocking, waking, giving way.  Time is in kernel_clock.c, what tasks
// are in task.c.  Read kernel.h first.
//
// A task gives way only inside a call of the emulation (a checkpoint), or where preempt.c stops it in firmware code; so
// it never gives way while it holds a lock of the host's libc.

#include "kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "heap_trace_host.h"
#include "heapline_chip.h"
#include "preempt.h"
#include "sysview.h"

struct hl_kernel hl_kernel = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .finished = PTHREAD_COND_INITIALIZER,
    .cores = HL_KERNEL_CORES,
};

_Thread_local struct hl_task *hl_task_self;
_Thread_local unsigned hl_critical_nesting;

// Where a deleted task's thread goes to end.
static _Thread_local sigjmp_buf leave;

void hl_kernel_fault(const char *call, const char *format, ...) {
    fflush(stdout);
    fprintf(stderr, "%s: ", call);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    const struct hl_task *self = hl_task_self;
    fprintf(stderr, "\nabort() was called by %s \"%s\"\n", self ? "task" : "thread",
            self ? self->name : "of the host");
    abort();
}

static bool may_run_on(const struct hl_task *task, unsigned core) {
    return task->affinity == tskNO_AFFINITY || task->affinity == (BaseType_t)core;
}

static bool goes_before(const struct hl_task *a, const struct hl_task *b) {
    if (a->priority != b->priority)
        return a->priority > b->priority;
    return a->order < b->order;
}

static struct hl_task *best_ready(unsigned core) {
    struct hl_task *best = NULL;
    for (struct hl_task *task = hl_kernel.tasks; task; task = task->next) {
        if (task->state == HL_TASK_READY && may_run_on(task, core) &&
            (!best || goes_before(task, best)))
            best = task;
    }
    return best;
}

static void grant(struct hl_task *task, unsigned core) {
    hl_kernel.running[core] = task;
    task->core = (int)core;
    task->state = HL_TASK_RUNNING;
    // Relaxed: a hint, also read under the lock.
    atomic_store_explicit(&hl_kernel.reschedule[core], false, memory_order_relaxed);
    hl_trace_host_task_runs(task, core);
    pthread_cond_signal(&task->granted);
}

static void dispatch(unsigned core) {
    struct hl_task *next = hl_kernel.stopping ? NULL : best_ready(core);
    hl_kernel.running[core] = NULL;
    if (next)
        grant(next, core);
}

static void give_up_core(struct hl_task *task) {
    unsigned core = (unsigned)task->core;
    task->core = -1;
    dispatch(core);
}

static void put_on_reap_list(struct hl_task *task) {
    task->next = hl_kernel.reap;
    hl_kernel.reap = task;
    task->references++;
    for (unsigned core = 0; core < hl_kernel.cores; core++) {
        if (hl_kernel.idle[core])
            pthread_cond_signal(&hl_kernel.idle[core]->granted);
    }
}

// Ends the calling task's thread without running what its frames would do on the way out.
static _Noreturn void end_thread(struct hl_task *self) {
    self->state = HL_TASK_DELETED;
    if (self->core >= 0) {
        put_on_reap_list(self);
        give_up_core(self);
    }
    hl_task_self = NULL;
    hl_critical_nesting = 0;
    hl_kernel_release(self);
    pthread_mutex_unlock(&hl_kernel.lock);
    siglongjmp(leave, 1);
}

static void wait_for_core(struct hl_task *self) {
    while (self->core < 0) {
        if (self->doomed)
            end_thread(self);
        pthread_cond_wait(&self->granted, &hl_kernel.lock);
    }
}

void hl_kernel_wait_for_core(void) {
    wait_for_core(hl_task_self);
}

// Asks whoever runs on `core` to give way; an idle task is moved without being asked.
static void ask_core(unsigned core) {
    struct hl_task *running = hl_kernel.running[core];
    if (!running) {
        dispatch(core);
    } else if (running->parked) {
        running->parked = false;
        running->state = HL_TASK_READY;
        running->order = hl_kernel.next_order++;
        give_up_core(running);
        pthread_cond_signal(&running->granted);
    } else {
        atomic_store_explicit(&hl_kernel.reschedule[core], true, memory_order_relaxed);
        if (running != hl_task_self)
            hl_preempt(running);
    }
}

// Finds a core for a task that became ready: the caller's first, as the chip does.
static void place(struct hl_task *task) {
    if (!hl_kernel.started)
        return;
    const struct hl_task *self = hl_task_self;
    unsigned first = self && self->core >= 0 ? (unsigned)self->core : 0;
    for (unsigned step = 0; step < hl_kernel.cores; step++) {
        unsigned core = (first + step) % hl_kernel.cores;
        if (!may_run_on(task, core))
            continue;
        const struct hl_task *running = hl_kernel.running[core];
        if (!running || running->parked || running->priority < task->priority) {
            ask_core(core);
            return;
        }
    }
}

void hl_kernel_make_ready(struct hl_task *task) {
    task->state = HL_TASK_READY;
    task->waiting_for = NULL;
    task->order = hl_kernel.next_order++;
    place(task);
    // Somebody may have to share a core now: the timekeeper cuts the slices.
    if (hl_kernel.started && task->state == HL_TASK_READY)
        pthread_cond_signal(&hl_kernel.clock_changed);
}

void hl_kernel_suspend(struct hl_task *task) {
    if (task->state == HL_TASK_RUNNING) {
        task->suspend_asked = true;
        ask_core((unsigned)task->core);
    } else {
        task->state = HL_TASK_SUSPENDED;
        task->waiting_for = NULL;
    }
}

void hl_kernel_reconsider(struct hl_task *task) {
    if (task->state == HL_TASK_READY) {
        place(task);
    } else if (task->state == HL_TASK_RUNNING) {
        const struct hl_task *best = best_ready((unsigned)task->core);
        if (best && best->priority > task->priority)
            ask_core((unsigned)task->core);
    }
}

bool hl_kernel_can_preempt(void) {
    const struct hl_task *self = hl_task_self;
    return self && self->core >= 0 && hl_critical_nesting == 0 &&
           hl_kernel.scheduler_suspended[self->core] == 0;
}

// Kernel lock held.  `to_back`: equals go first.
static bool give_way(struct hl_task *self, bool to_back) {
    if (self->doomed)
        end_thread(self);
    if (hl_kernel.stopping || self->suspend_asked) {
        self->suspend_asked = false;
        self->state = HL_TASK_SUSPENDED;
        give_up_core(self);
        wait_for_core(self);
        return true;
    }
    if (to_back)
        self->order = hl_kernel.next_order++;
    unsigned core = (unsigned)self->core;
    atomic_store_explicit(&hl_kernel.reschedule[core], false, memory_order_relaxed);
    const struct hl_task *best = best_ready(core);
    if (!best || !goes_before(best, self))
        return false;
    self->state = HL_TASK_READY;
    give_up_core(self);
    wait_for_core(self);
    return true;
}

bool hl_kernel_give_way(void) {
    return give_way(hl_task_self, true);
}

static bool is_asked(const struct hl_task *self) {
    return atomic_load_explicit(&hl_kernel.reschedule[self->core], memory_order_relaxed);
}

void hl_kernel_checkpoint(void) {
    struct hl_task *self = hl_task_self;
    if (!self || !is_asked(self) || !hl_kernel_can_preempt())
        return;
    pthread_mutex_lock(&hl_kernel.lock);
    give_way(self, true);
    pthread_mutex_unlock(&hl_kernel.lock);
}

void hl_kernel_lock(void) {
    hl_kernel_checkpoint();
    pthread_mutex_lock(&hl_kernel.lock);
}

void hl_kernel_unlock(void) {
    struct hl_task *self = hl_task_self;
    if (self && is_asked(self) && hl_kernel_can_preempt())
        give_way(self, false);
    pthread_mutex_unlock(&hl_kernel.lock);
}

void hl_kernel_yield(void) {
    struct hl_task *self = hl_task_self;
    if (!self || !hl_kernel_can_preempt())
        return;
    pthread_mutex_lock(&hl_kernel.lock);
    give_way(self, true);
    pthread_mutex_unlock(&hl_kernel.lock);
}

bool hl_kernel_block_until(const char *call, const void *object, uint64_t wake_us) {
    struct hl_task *self = hl_task_self;
    if (!self || self->core < 0)
        hl_kernel_fault(call, "a thread that is no task cannot wait");
    if (hl_critical_nesting != 0)
        hl_kernel_fault(call, "cannot wait inside a critical section");
    if (hl_kernel.scheduler_suspended[self->core] != 0)
        hl_kernel_fault(call, "cannot wait while the scheduler is suspended");
    if (self->doomed)
        end_thread(self);
    self->state = HL_TASK_BLOCKED;
    self->waiting_for = object;
    self->wake_us = wake_us;
    self->timed_out = false;
    self->aborted = false;
    self->order = hl_kernel.next_order++;
    if (wake_us < hl_kernel.next_deadline_us)
        pthread_cond_signal(&hl_kernel.clock_changed);
    hl_sysview_task_stops(self, (unsigned)self->core);
    give_up_core(self);
    wait_for_core(self);
    return !self->timed_out;
}

bool hl_kernel_block(const char *call, const void *object, TickType_t ticks) {
    return hl_kernel_block_until(call, object, hl_kernel_deadline_us(ticks));
}

struct hl_task *hl_kernel_first_waiter(const void *object) {
    struct hl_task *best = NULL;
    for (struct hl_task *task = hl_kernel.tasks; task; task = task->next) {
        if (task->state == HL_TASK_BLOCKED && task->waiting_for == object &&
            (!best || goes_before(task, best)))
            best = task;
    }
    return best;
}

bool hl_kernel_has_waiter(const void *object) {
    return hl_kernel_first_waiter(object) != NULL;
}

bool hl_kernel_wake(const void *object) {
    struct hl_task *task = hl_kernel_first_waiter(object);
    if (task)
        hl_kernel_make_ready(task);
    return task != NULL;
}

void hl_kernel_wake_all(const void *object) {
    while (hl_kernel_wake(object)) {
    }
}

struct hl_task *hl_kernel_find(const void *handle) {
    for (struct hl_task *task = hl_kernel.tasks; task; task = task->next) {
        if (task->handle == handle)
            return task;
    }
    return NULL;
}

static void note_host_stack(struct hl_task *self) {
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return;
    void *low = NULL;
    size_t size = 0;
    pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_destroy(&attributes);
    self->host_stack_low = low;
    self->host_stack_high = (char *)low + size;
}

static void *run_task(void *argument) {
    struct hl_task *self = argument;
    hl_task_self = self;
    note_host_stack(self);
    hl_preempt_thread_begin();
    if (sigsetjmp(leave, 1) == 0) {
        pthread_mutex_lock(&hl_kernel.lock);
        wait_for_core(self);
        pthread_mutex_unlock(&hl_kernel.lock);
        self->function(self->argument);
        hl_kernel_fault(self->name, "FreeRTOS Task \"%s\" should not return, Aborting now!",
                        self->name);
    }
    hl_preempt_thread_end();
    return NULL;
}

// Host frames are larger than the chip's, and the host's libc is hungrier: the thread gets room to spare.
static size_t host_stack_bytes(const struct hl_task *task) {
    size_t bytes = (size_t)task->stack_bytes * 4 + ((size_t)256 << 10);
    return (bytes + 4095) & ~(size_t)4095;
}

int hl_kernel_launch(struct hl_task *task) {
    pthread_cond_init(&task->granted, NULL);
    task->core = -1;
    task->references = 1;
    task->wake_us = HL_KERNEL_NEVER;
    task->number = ++hl_kernel.tasks_created;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, host_stack_bytes(task));
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int result = pthread_create(&task->thread, &attributes, run_task, task);
    pthread_attr_destroy(&attributes);
    if (result != 0)
        return result;
    task->next = hl_kernel.tasks;
    hl_kernel.tasks = task;
    hl_kernel.task_count++;
    hl_sysview_task_created(task);
    hl_kernel_make_ready(task);
    return 0;
}

static void unlink_task(struct hl_task *task) {
    struct hl_task **link = &hl_kernel.tasks;
    while (*link && *link != task)
        link = &(*link)->next;
    if (*link) {
        *link = task->next;
        hl_kernel.task_count--;
    }
    task->next = NULL;
}

bool hl_kernel_remove(struct hl_task *task) {
    unlink_task(task);
    task->doomed = true;
    if (task->core < 0) {
        task->state = HL_TASK_DELETED;
        pthread_cond_signal(&task->granted);
        return true;
    }
    ask_core((unsigned)task->core);
    return false;
}

void hl_kernel_leave(void) {
    unlink_task(hl_task_self);
    end_thread(hl_task_self);
}

void hl_kernel_release(struct hl_task *task) {
    // A task deleted while it held a mutex stays the mutex's holder for ever, as on the chip.
    if (--task->references == 0 && task->mutexes_held == 0) {
        pthread_cond_destroy(&task->granted);
        free(task);
    }
}

void hl_kernel_start(void) {
    pthread_mutex_lock(&hl_kernel.lock);
    hl_kernel.started = true;
    hl_kernel_clock_start();
    for (unsigned core = 0; core < hl_kernel.cores; core++)
        dispatch(core);
    pthread_mutex_unlock(&hl_kernel.lock);
}

void hl_kernel_stop(void) {
    pthread_mutex_lock(&hl_kernel.lock);
    hl_kernel.stopping = true;
    for (unsigned core = 0; core < hl_kernel.cores; core++)
        atomic_store_explicit(&hl_kernel.reschedule[core], true, memory_order_relaxed);
    pthread_cond_signal(&hl_kernel.clock_changed);
    while (hl_kernel.clock_running)
        pthread_cond_wait(&hl_kernel.finished, &hl_kernel.lock);
    pthread_mutex_unlock(&hl_kernel.lock);
}
