// SPDX-License-Identifier: Apache-2.0
//
// Heap tracing for host programs: which chip is traced, and tasks on host threads.  The tracing functions themselves are
// those of esp_heap_trace.h.

#ifndef HEAPLINE_TRACE_H
#define HEAPLINE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"
#include "heapline_nullability.h"
#include "heapline_port.h"

#ifdef __cplusplus
extern "C" {
#endif

HL_ASSUME_NONNULL_BEGIN

struct hl_chip;

/// Makes `chip` the traced one, in the state after start-up.  `hash_map_entries` 0: without the hash map.
/// ESP_ERR_INVALID_STATE while another chip is traced: ESP-IDF's functions know one trace.
esp_err_t hl_heap_trace_attach(struct hl_chip *chip, uint32_t hash_map_entries, bool hash_map_external);
/// Ends tracing for good; chip and records may go away afterwards.  Nothing without a traced chip.
void hl_heap_trace_detach(void);

/// Fills in the members of a port that ask who runs and where, from the task on the calling thread.
void hl_port_use_tasks(struct hl_port *port);

/// Runs `function` on the calling thread as a task of `chip` on a core, after waiting for that core.  Stack and control
/// block are allocated and freed in the chip's heap.  Not for firmware under hl_esp_run, which has its own tasks.
/// ESP_ERR_INVALID_ARG for a core the chip lacks, ESP_ERR_INVALID_STATE inside a task, ESP_ERR_NO_MEM.
esp_err_t hl_chip_run_task(struct hl_chip *chip, unsigned core, const char *name, uint32_t stack_bytes,
                           void (*function)(void *_Nullable), void *_Nullable context);

HL_ASSUME_NONNULL_END

#ifdef __cplusplus
}
#endif

#endif
