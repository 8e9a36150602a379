// SPDX-License-Identifier: Apache-2.0
//
// ESP-IDF's heap tracing.  Names, values and return codes are ESP-IDF's; the text is ours.
//
// The depth of call stacks is the including program's CONFIG_HEAP_TRACING_STACK_DEPTH (0 to 32): record size and depth are
// handed to the library when tracing is initialised, so one library serves every depth.

#ifndef HEAPLINE_ESP_HEAP_TRACE_H
#define HEAPLINE_ESP_HEAP_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sdkconfig.h>

#include "esp_err.h"
#include "heapline_nullability.h"

#ifdef __cplusplus
extern "C" {
#endif

HL_ASSUME_NONNULL_BEGIN

#if CONFIG_HEAP_TRACING_STACK_DEPTH < 0 || CONFIG_HEAP_TRACING_STACK_DEPTH > 32
#error "CONFIG_HEAP_TRACING_STACK_DEPTH must be in range 0-32"
#endif

typedef enum {
    HEAP_TRACE_ALL,   ///< Every allocation and free.
    HEAP_TRACE_LEAKS, ///< A record leaves when its block is freed.
} heap_trace_mode_t;

/// One traced allocation.
typedef struct heap_trace_record_t {
    uint32_t ccount;        ///< Cycle counter before the allocation; bit 0 is the core.
    void *_Nullable address; ///< The block; null in a record that is not in use.
    size_t size;            ///< As asked for.
    bool freed;             ///< Freed again (mode HEAP_TRACE_ALL).
    void *_Nullable alloced_by[CONFIG_HEAP_TRACING_STACK_DEPTH]; ///< Who allocated, innermost first; null-filled.
    void *_Nullable freed_by[CONFIG_HEAP_TRACING_STACK_DEPTH];   ///< Who freed.
} heap_trace_record_t;

/// Totals of a trace.
typedef struct {
    heap_trace_mode_t mode;
    size_t total_allocations;
    size_t total_frees;
    size_t count;
    size_t capacity;
    size_t high_water_mark;
    size_t has_overflowed;
#if CONFIG_HEAP_TRACE_HASH_MAP
    size_t total_hashmap_hits;
    size_t total_hashmap_miss;
#endif
} heap_trace_summary_t;

/// What heap_trace_init_standalone and heap_trace_init_tohost call with this program's record layout.
esp_err_t hl_heap_trace_init_standalone(void *_Nullable records, size_t count, size_t record_bytes, size_t depth);
esp_err_t hl_heap_trace_init_tohost(size_t depth);
esp_err_t hl_heap_trace_get(size_t index, void *_Nullable record, size_t record_bytes);
esp_err_t hl_heap_trace_summary(heap_trace_summary_t *_Nullable summary, size_t summary_bytes);

/// Provides the records.  ESP_ERR_INVALID_STATE while tracing, ESP_ERR_INVALID_ARG for null or none.  The records of the
/// trace before stay readable until heap_trace_start.
static inline esp_err_t heap_trace_init_standalone(heap_trace_record_t *_Nullable records, size_t count) {
    return hl_heap_trace_init_standalone(records, count, sizeof(heap_trace_record_t), CONFIG_HEAP_TRACING_STACK_DEPTH);
}

/// Sends events to the host from the next heap_trace_start on.  ESP_ERR_INVALID_STATE while tracing.
static inline esp_err_t heap_trace_init_tohost(void) {
    return hl_heap_trace_init_tohost(CONFIG_HEAP_TRACING_STACK_DEPTH);
}

/// Clears the records and starts, also while running.  ESP_ERR_INVALID_STATE without records.
esp_err_t heap_trace_start(heap_trace_mode_t mode);
/// ESP_ERR_INVALID_STATE when stopped already.
esp_err_t heap_trace_stop(void);
/// Goes on recording frees, but no allocations.
esp_err_t heap_trace_alloc_pause(void);
/// Goes on without clearing the records.  ESP_ERR_INVALID_STATE while running.
esp_err_t heap_trace_resume(void);
/// Number of records.
size_t heap_trace_get_count(void);
/// Copies the record at `index`, oldest first.  ESP_ERR_INVALID_STATE for null, ESP_ERR_INVALID_ARG past the last one.
static inline esp_err_t heap_trace_get(size_t index, heap_trace_record_t *_Nullable record) {
    return hl_heap_trace_get(index, record, sizeof(heap_trace_record_t));
}
/// ESP_ERR_INVALID_ARG for null.
static inline esp_err_t heap_trace_summary(heap_trace_summary_t *_Nullable summary) {
    return hl_heap_trace_summary(summary, sizeof(heap_trace_summary_t));
}
/// Prints all records, oldest first, and totals.
void heap_trace_dump(void);
/// The same for records in internal memory (MALLOC_CAP_INTERNAL), external memory (MALLOC_CAP_SPIRAM) or both.
void heap_trace_dump_caps(const uint32_t caps);

HL_ASSUME_NONNULL_END

#ifdef __cplusplus
}
#endif

#endif
