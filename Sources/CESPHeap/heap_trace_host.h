// SPDX-License-Identifier: Apache-2.0
//
// To-host mode's sinks: a SystemView recording (.svdat), or a .heapline trace made by the recorder.

#pragma once

#include <stdbool.h>
#include <stdint.h>

// `destination`: PATH.heapline for a trace of the recorder; any other path, file://path or tcp://host:port for
// SystemView; NULL or empty: no host, and heap_trace_start in to-host mode says so.
void hl_trace_host_open(const char *destination);
// Ends a recording that the program did not stop.
void hl_trace_host_close(void);

// Both give an esp_err_t.
int hl_trace_host_start(uint32_t depth);
int hl_trace_host_stop(void);

// `address` 0: the allocation failed, or null was freed.
void hl_trace_host_allocation(uint64_t address, uint64_t size, const uint64_t *stack, uint32_t depth);
void hl_trace_host_free(uint64_t address, const uint64_t *stack, uint32_t depth);
// A log line of the firmware; `level` as esp_log_level_t, 0 when unknown.
void hl_trace_host_print(const char *text, unsigned level);
// Whether log lines that go elsewhere are wanted, too: those with a level of their own.
bool hl_trace_host_wants_logs(void);

struct hl_task;
// From the scheduler, kernel lock held: `core` runs `task` from now on.
void hl_trace_host_task_runs(struct hl_task *task, unsigned core);
