// SPDX-License-Identifier: Apache-2.0
//
// Operations of heap tracing: tr_init, tr_start, tr_stop, tr_pause, tr_resume, tr_count, tr_get, tr_sum, tr_dump,
// tr_dumpcaps, and what traced calls are given: stack, ccount, core.  Stack depth 2, as recorded.
//
// Tracing belongs to one chip at a time: scripts that trace take turns.

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define CONFIG_HEAP_TRACING_STACK_DEPTH 2
#define CONFIG_HEAP_TRACE_HASH_MAP 1
#include "esp_heap_trace.h"

#include "heapline_trace.h"
#include "../heap_trace_stack.h"
#include "script.h"

enum { HASH_MAP_ENTRIES = 512 };

// Record buffers stay until the end: the records of the trace before are readable until the next start.
struct buffer {
    struct buffer *next;
    heap_trace_record_t records[];
};

struct tracing {
    struct buffer *buffers;
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static uint32_t give_stack(void *context, uint64_t *frames, uint32_t depth) {
    const struct hl_script *script = context;
    uint32_t count = script->stack_depth < depth ? script->stack_depth : depth;
    for (uint32_t i = 0; i < count; i++)
        frames[i] = script->stack[i];
    return count;
}

bool hl_script_trace_open(struct hl_script *script) {
    if (!script->trace)
        return true;
    pthread_mutex_lock(&turn);
    script->tracing = calloc(1, sizeof(struct tracing));
    if (!script->tracing) {
        pthread_mutex_unlock(&turn);
        return hl_script_refuse(script, "out of memory");
    }
    uint32_t entries = script->trace_hash ? HASH_MAP_ENTRIES : 0;
    // A host program may be tracing a chip of its own in the same process: it will end.
    while (hl_heap_trace_attach(script->chip, entries, false) != ESP_OK)
        sched_yield();
    hl_trace_set_stack_provider(give_stack, script);
    return true;
}

void hl_script_trace_close(struct hl_script *script) {
    struct tracing *tracing = script->tracing;
    if (!tracing)
        return;
    hl_heap_trace_detach();
    hl_trace_set_stack_provider(NULL, NULL);
    while (tracing->buffers) {
        struct buffer *next = tracing->buffers->next;
        free(tracing->buffers);
        tracing->buffers = next;
    }
    free(tracing);
    script->tracing = NULL;
    pthread_mutex_unlock(&turn);
}

// Functions an older release lacks, and every one without a tracing variant.
static bool is_supported(struct hl_script *script, enum hl_idf first) {
    if (script->tracing && script->chip_options.idf >= first)
        return true;
    hl_script_result(script, "unsupported");
    return false;
}

static void result_error(struct hl_script *script, esp_err_t error) {
    hl_script_result(script, "err=0x%x", (unsigned)error);
}

static bool run_init(struct hl_script *script) {
    uint32_t count;
    if (!hl_script_number(script, 1, &count))
        return false;
    if (!is_supported(script, HL_IDF_4_4))
        return true;
    struct tracing *tracing = script->tracing;
    struct buffer *buffer = calloc(1, sizeof *buffer + (size_t)count * sizeof(heap_trace_record_t));
    if (!buffer)
        return hl_script_refuse(script, "out of memory");
    buffer->next = tracing->buffers;
    tracing->buffers = buffer;
    esp_err_t error = heap_trace_init_standalone(count > 0 ? buffer->records : NULL, count);
    result_error(script, error);
    return true;
}

static bool run_start(struct hl_script *script) {
    bool all = script->fields[1][0] == 'a';
    if (!is_supported(script, HL_IDF_4_4))
        return true;
    result_error(script, heap_trace_start(all ? HEAP_TRACE_ALL : HEAP_TRACE_LEAKS));
    return true;
}

static bool run_stop(struct hl_script *script) {
    if (is_supported(script, HL_IDF_4_4))
        result_error(script, heap_trace_stop());
    return true;
}

static bool run_pause(struct hl_script *script) {
    if (is_supported(script, HL_IDF_5_4))
        result_error(script, heap_trace_alloc_pause());
    return true;
}

static bool run_resume(struct hl_script *script) {
    if (is_supported(script, HL_IDF_4_4))
        result_error(script, heap_trace_resume());
    return true;
}

static bool run_count(struct hl_script *script) {
    if (is_supported(script, HL_IDF_4_4))
        hl_script_result(script, "%zu", heap_trace_get_count());
    return true;
}

static unsigned frame(const void *pointer) {
    return (unsigned)(uintptr_t)pointer;
}

static bool run_get(struct hl_script *script) {
    uint32_t index;
    if (!hl_script_number(script, 1, &index))
        return false;
    if (!is_supported(script, HL_IDF_4_4))
        return true;
    heap_trace_record_t record;
    esp_err_t error = heap_trace_get(index, &record);
    if (error != ESP_OK) {
        result_error(script, error);
        return true;
    }
    char freed[16] = "";
    if (script->chip_options.idf >= HL_IDF_5_5)
        snprintf(freed, sizeof freed, " freed=%d", record.freed);
    hl_script_result(script, "err=0x0 addr=0x%08x size=%zu ccount=0x%08x%s a0=0x%08x a1=0x%08x f0=0x%08x f1=0x%08x",
                     hl_chip_address(script->chip, record.address), record.size, record.ccount, freed,
                     frame(record.alloced_by[0]), frame(record.alloced_by[1]), frame(record.freed_by[0]),
                     frame(record.freed_by[1]));
    return true;
}

static bool run_sum(struct hl_script *script) {
    if (!is_supported(script, HL_IDF_5_3))
        return true;
    heap_trace_summary_t sum;
    heap_trace_summary(&sum);
    char map[64] = "";
    if (script->trace_hash)
        snprintf(map, sizeof map, " hits=%zu miss=%zu", sum.total_hashmap_hits, sum.total_hashmap_miss);
    hl_script_result(script, "mode=%d allocs=%zu frees=%zu count=%zu cap=%zu high=%zu over=%zu%s", (int)sum.mode,
                     sum.total_allocations, sum.total_frees, sum.count, sum.capacity, sum.high_water_mark,
                     sum.has_overflowed, map);
    return true;
}

static bool run_dump(struct hl_script *script) {
    if (!is_supported(script, HL_IDF_4_4))
        return true;
    heap_trace_dump();
    hl_script_result_ok(script);
    return true;
}

static bool run_dumpcaps(struct hl_script *script) {
    uint32_t caps;
    if (!hl_script_number(script, 1, &caps))
        return false;
    if (!is_supported(script, HL_IDF_5_3))
        return true;
    heap_trace_dump_caps(caps);
    hl_script_result_ok(script);
    return true;
}

static bool run_stack(struct hl_script *script) {
    script->stack_depth = 0;
    for (unsigned field = 1; field < script->field_count; field++) {
        uint32_t address;
        if (!hl_script_number(script, field, &address))
            return false;
        if (script->stack_depth < HL_SCRIPT_STACK)
            script->stack[script->stack_depth++] = address;
    }
    hl_script_result_ok(script);
    return true;
}

static bool run_ccount(struct hl_script *script) {
    if (!hl_script_number(script, 1, &script->cycle_count))
        return false;
    hl_script_result_ok(script);
    return true;
}

static bool run_core(struct hl_script *script) {
    uint32_t core;
    if (!hl_script_number(script, 1, &core))
        return false;
    if (core > 1)
        return hl_script_refuse(script, "core %u is neither 0 nor 1", core);
    script->core = core;
    hl_script_result_ok(script);
    return true;
}

const struct hl_operation hl_trace_operations[] = {
    {"tr_init", 1, 1, run_init},     {"tr_start", 1, 1, run_start},   {"tr_stop", 0, 0, run_stop},
    {"tr_pause", 0, 0, run_pause},   {"tr_resume", 0, 0, run_resume}, {"tr_count", 0, 0, run_count},
    {"tr_get", 1, 1, run_get},       {"tr_sum", 0, 0, run_sum},       {"tr_dump", 0, 0, run_dump},
    {"tr_dumpcaps", 1, 1, run_dumpcaps},
    {"stack", 0, HL_SCRIPT_STACK, run_stack}, {"ccount", 1, 1, run_ccount}, {"core", 1, 1, run_core},
    {0},
};
