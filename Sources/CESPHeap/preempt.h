// SPDX-License-Identifier: Apache-2.0
//
// Taking the core from a task that makes no calls: the tick interrupt of the emulation.  See preempt.c.

#pragma once

struct hl_task;

// Stops a running task soon, if that can be done safely.  Kernel lock held.
void hl_preempt(struct hl_task *task);

// Prepares the calling thread, and undoes that.
void hl_preempt_thread_begin(void);
void hl_preempt_thread_end(void);

// Finds the firmware's code and installs the handler; once, before the scheduler starts.
void hl_preempt_enable(void);
