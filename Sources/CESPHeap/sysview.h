// SPDX-License-Identifier: Apache-2.0
//
// A SystemView recording of the emulated chip: tasks, logs and heap events, written to a file or a socket.

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct hl_task;

// Where the recording goes: a path, file://path, tcp://host:port; NULL: nowhere.
void hl_sysview_set_destination(const char *destination);
const char *hl_sysview_destination(void);
// Starts when there is a destination; an esp_err_t.
int hl_sysview_start(uint32_t depth);
// Writes what there is, and stops.
int hl_sysview_stop(void);
bool hl_sysview_is_recording(void);
void hl_sysview_heap_allocation(uint64_t address, uint64_t size, const uint64_t *stack, uint32_t depth);
void hl_sysview_heap_free(uint64_t address, const uint64_t *stack, uint32_t depth);
void hl_sysview_print(const char *text);

// From the scheduler, kernel lock held.
void hl_sysview_task_created(const struct hl_task *task);
void hl_sysview_task_runs(const struct hl_task *task, unsigned core);
void hl_sysview_task_stops(const struct hl_task *task, unsigned core);
