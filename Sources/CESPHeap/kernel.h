// SPDX-License-Identifier: Apache-2.0
//
// The emulated kernel as its own files see it: tasks, the two cores' tokens, blocking and waking.  FreeRTOS names stand
// in include/freertos; nothing here is public.
//
// A task is a host thread that runs only while it holds the token of a core, so at most as many tasks run at once as
// the chip has cores.  Everything below a "kernel lock" line is guarded by one lock, which is held for a few dozen
// instructions at a time and never while firmware or the heap runs.

#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#define HL_KERNEL_CORES 2
#define HL_KERNEL_NEVER UINT64_MAX
#define HL_TASK_NOTIFICATIONS 8
#define HL_TASK_STORAGE_POINTERS 8

enum hl_task_state { HL_TASK_READY, HL_TASK_RUNNING, HL_TASK_BLOCKED, HL_TASK_SUSPENDED, HL_TASK_DELETED };

// One task.  core >= 0  ⇔  state == RUNNING  ⇔  hl_kernel.running[core] == this.
struct hl_task {
    // Written before the thread starts.
    void *handle;            // emulated control block: what firmware calls a TaskHandle_t
    void *stack;             // emulated stack block
    uint32_t stack_bytes;    // as asked for
    bool owns_memory;        // false: the program gave stack and control block
    TaskFunction_t function; // what it runs
    void *argument;          // and with what
    char name[configMAX_TASK_NAME_LEN];
    BaseType_t affinity;     // 0, 1 or tskNO_AFFINITY
    unsigned number;         // counts up from 1

    // Kernel lock.
    enum hl_task_state state;
    int core;
    UBaseType_t priority, base_priority; // base: before a mutex lent it a higher one
    unsigned mutexes_held;
    uint64_t order;          // first come, first served among equals
    const void *waiting_for; // what it is blocked on; NULL for a plain delay
    uint64_t wake_us;        // when a blocked task gives up
    bool timed_out;          // how the last block ended
    bool aborted;            // xTaskAbortDelay ended it
    bool doomed;             // its thread leaves at the next opportunity
    bool suspend_asked;      // stops at its next opportunity
    bool parked;             // idle task with nothing to do: its core may be taken without asking it
    unsigned references;     // its thread and, if it has memory to free, the reap list; the last one frees this
    uint32_t notify_value[HL_TASK_NOTIFICATIONS];
    uint8_t notify_state[HL_TASK_NOTIFICATIONS];
    uint32_t event_bits, event_result; // what it waits for in an event group, and what it got
    bool event_all, event_clear, event_satisfied;
    struct hl_task *next;    // all tasks, or those waiting for an idle task to free them
    pthread_cond_t granted;

    // Its own thread.
    pthread_t thread;
    void *storage[HL_TASK_STORAGE_POINTERS];
    char *host_stack_low, *host_stack_high;

    // heap_trace.c: its thread index in the trace, and the number of the recording that knows it.
    uint32_t trace_thread;
    _Atomic uint32_t trace_recording;
};

struct hl_kernel {
    pthread_mutex_t lock;
    pthread_cond_t clock_changed; // the timekeeper has an earlier deadline
    pthread_cond_t finished;      // app_main returned, or nothing can ever run again
    struct hl_task *tasks;
    struct hl_task *reap;         // deleted themselves; an idle task frees their memory
    struct hl_task *running[HL_KERNEL_CORES];
    struct hl_task *idle[HL_KERNEL_CORES];
    unsigned scheduler_suspended[HL_KERNEL_CORES];
    _Atomic bool reschedule[HL_KERNEL_CORES]; // asks the running task to give way at its next call
    unsigned cores;
    unsigned task_count, tasks_created;
    uint64_t next_order;
    uint64_t next_deadline_us;
    bool started, stopping, deadlocked, clock_running;
};

extern struct hl_kernel hl_kernel;

// The task whose thread this is; NULL for threads of the host.
extern _Thread_local struct hl_task *hl_task_self;

// How many critical sections the calling thread is in.
extern _Thread_local unsigned hl_critical_nesting;

// What each emulated call does first and last: give way when asked.  Never call with the kernel lock held.
void hl_kernel_checkpoint(void);

void hl_kernel_lock(void);
// Leaves the kernel; gives way first when a more urgent task became ready.
void hl_kernel_unlock(void);

// Blocks the calling task on `object` until woken (true) or `ticks` passed (false).  Kernel lock held; may be left and
// taken again, so the caller tests its condition anew.  `call` names the emulated function for messages.
bool hl_kernel_block(const char *call, const void *object, TickType_t ticks);
bool hl_kernel_block_until(const char *call, const void *object, uint64_t wake_us);
// Makes the most urgent task that waits for `object` ready; false when there is none.  Kernel lock held.
bool hl_kernel_wake(const void *object);
void hl_kernel_wake_all(const void *object);
void hl_kernel_make_ready(struct hl_task *task);
// Stops another task until it is made ready.  Kernel lock held.
void hl_kernel_suspend(struct hl_task *task);
// Waits until the calling task holds a core again.  Kernel lock held.
void hl_kernel_wait_for_core(void);
bool hl_kernel_has_waiter(const void *object);
// The most urgent task waiting for `object`.
struct hl_task *hl_kernel_first_waiter(const void *object);
// After a priority change: lets whoever should run now run.  Kernel lock held.
void hl_kernel_reconsider(struct hl_task *task);
// Lets an equal task run.
void hl_kernel_yield(void);
// The same with the kernel lock held; whether another task ran meanwhile.
bool hl_kernel_give_way(void);
// Starts `task`'s thread and makes it ready.  Kernel lock held; 0 or an errno.
int hl_kernel_launch(struct hl_task *task);
// Takes another task out of the kernel for ever; it may be gone on return.  Kernel lock held.  False: it runs on the
// other core and will put itself on the reap list; true: its emulated memory may be freed now.
bool hl_kernel_remove(struct hl_task *task);
// Ends the calling task; an idle task frees its memory.  Kernel lock held.
_Noreturn void hl_kernel_leave(void);
// Drops one reference.  Kernel lock held.
void hl_kernel_release(struct hl_task *task);
struct hl_task *hl_kernel_find(const void *handle);
bool hl_kernel_can_preempt(void);

// The clock.
uint64_t hl_kernel_now_us(void);
uint64_t hl_kernel_tick_us(void);
uint64_t hl_kernel_deadline_us(TickType_t ticks);
void hl_kernel_clock_start(void);
// Time starts at 0 again.  Before tasks exist.
void hl_kernel_clock_reset(bool skip_idle);
void hl_kernel_expire(void);
void hl_kernel_skip_to_next_deadline(void);
extern _Atomic uint32_t hl_kernel_tick_hz;
extern _Atomic bool hl_kernel_skip_idle; // time jumps when every task waits

// Idle tasks' body.
void hl_kernel_idle(void *core);

// Says what the firmware did wrong, as the chip's assert does, and ends the program.
_Noreturn void hl_kernel_fault(const char *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Lets tasks run; stops them for good (they never run again, their threads stay).
void hl_kernel_start(void);
void hl_kernel_stop(void);
