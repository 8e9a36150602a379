// SPDX-License-Identifier: Apache-2.0
//
// The functions of esp_heap_trace.h: states, return codes, and what each traced call means.  Events go to
// heap_trace_standalone.c, or in to-host mode to the host's sink.

#include "heapline_trace.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip.h"
#include "esp_heap_caps.h"
#include "esp_heap_trace.h"
#include "heap.h"
#include "heap_trace_dump.h"
#include "heap_trace_host.h"
#include "heap_trace_stack.h"
#include "heap_trace_standalone.h"
#include "port.h"

// Before the first start or stop tracing is in the state ESP-IDF calls unknown: neither started nor stopped.
enum state { STATE_UNKNOWN, STATE_STARTED, STATE_STOPPED, STATE_PAUSED };

static struct {
    // Read by every traced call.
    _Alignas(64) _Atomic int state;
    _Atomic bool to_host;
    uint32_t entries;         // a bit for each enum hl_entry that is traced

    // Store lock.
    _Alignas(64) struct hl_chip *chip;
    void *records;            // what heap_trace_init_standalone gave; used from the next start on
    uint32_t capacity;
    size_t record_bytes;
    uint32_t depth;
    bool store_is_set;        // the list lies in some buffer
    uint32_t hash_map_entries;
    bool hash_map_external, hash_map_allocated;
    uint32_t last_get;        // slot and index of the last heap_trace_get: see hl_heap_trace_get
    size_t last_get_index;
} trace = {.last_get = HL_TRACE_NONE};

static bool is_old(void) {
    return trace.chip && hl_chip_options(trace.chip)->idf <= HL_IDF_4_4_8;
}

// Which calls the generation's linker wraps.
static bool is_traced(enum hl_idf idf, enum hl_entry entry) {
    switch (entry) {
    case HL_ENTRY_MALLOC:
    case HL_ENTRY_REALLOC:
    case HL_ENTRY_FREE:
    case HL_ENTRY_MALLOC_DEFAULT:
    case HL_ENTRY_REALLOC_DEFAULT:
        return true;
    case HL_ENTRY_CALLOC:
    case HL_ENTRY_CALLOC_PREFER:
        return idf >= HL_IDF_5_5;
    default:
        return idf > HL_IDF_4_4_8;
    }
}

static uint32_t entries_of(enum hl_idf idf) {
    uint32_t entries = 0;
    for (unsigned entry = 0; entry <= HL_ENTRY_CALLOC_PREFER; entry++)
        entries |= (uint32_t)is_traced(idf, (enum hl_entry)entry) << entry;
    return entries;
}

static __attribute__((noinline)) void send_allocation(void *address, size_t size, const void *frame) {
    uint64_t stack[HL_TRACE_MAXIMUM_DEPTH];
    hl_trace_stack(stack, trace.depth, frame);
    hl_trace_host_allocation((uintptr_t)address, size, stack, trace.depth);
}

static __attribute__((noinline)) void send_free(void *address, const void *frame) {
    uint64_t stack[HL_TRACE_MAXIMUM_DEPTH];
    hl_trace_stack(stack, trace.depth, frame);
    hl_trace_host_free((uintptr_t)address, stack, trace.depth);
}

// The program frees its own record buffer.
static HL_SLOW void note_lost_records(const void *freed, const void *frame) {
    hl_trace_store_free((uintptr_t)freed, frame);
    fprintf(stderr, "heap_trace: the record buffer %p was freed while tracing; tracing stops\n", freed);
    heap_trace_stop();
}

static bool reads_counter(const struct hl_chip *chip) {
    return chip->port.cycle_count != hl_port_default_cycle_count;
}

static inline bool is_entry_traced(const struct hl_traced_call *call) {
    return trace.entries >> call->entry & 1;
}

// Scratch of a call: 0 cycle counter, 1 whether it was read.
static void read_counter(void *context, struct hl_chip *chip, struct hl_traced_call *call) {
    (void)context;
    call->scratch[1] = is_entry_traced(call);
    if (call->scratch[1])
        call->scratch[0] = chip->port.cycle_count(chip->port.context);
}

static void before(void *context, struct hl_chip *chip, struct hl_traced_call *call) {
    if (!is_entry_traced(call))
        return;
    if (__builtin_expect(reads_counter(chip), 0) && call->entry != HL_ENTRY_FREE)
        read_counter(context, chip, call);
    // Relaxed: a start or stop on the other core may as well come after this call.
    int state = atomic_load_explicit(&trace.state, memory_order_relaxed);
    if (state != STATE_STARTED && state != STATE_PAUSED)
        return;
    if (__builtin_expect(atomic_load_explicit(&trace.to_host, memory_order_relaxed), 0)) {
        if (call->entry == HL_ENTRY_FREE || call->old)
            send_free(call->old, call->frame);
    } else if (call->old) {
        if (__builtin_expect(call->entry == HL_ENTRY_FREE && call->old == trace.records, 0))
            note_lost_records(call->old, call->frame);
        else
            hl_trace_store_free((uintptr_t)call->old, call->frame);
    }
}

static __attribute__((noinline)) void store_with_counter(const struct hl_chip *chip, const struct hl_traced_call *call,
                                                         const void *result) {
    uint32_t ccount = (uint32_t)call->scratch[0];
    hl_trace_store_allocation(chip, (uintptr_t)result, call->size, &ccount, call->frame);
}

static void after(void *context, struct hl_chip *chip, struct hl_traced_call *call, void *result) {
    (void)context;
    if (!is_entry_traced(call) || atomic_load_explicit(&trace.state, memory_order_relaxed) != STATE_STARTED)
        return;
    if (__builtin_expect(atomic_load_explicit(&trace.to_host, memory_order_relaxed), 0)) {
        if (result || !call->old || call->size > 0)
            send_allocation(result, call->size, call->frame);
    } else if (result) {
        if (__builtin_expect(call->scratch[1] != 0, 0))
            store_with_counter(chip, call, result);
        else
            hl_trace_store_allocation(chip, (uintptr_t)result, call->size, NULL, call->frame);
    }
}

// The next chip must find tracing as if there had been none before it.
static void chip_ends(void *context, struct hl_chip *chip) {
    (void)context;
    if (trace.chip == chip)
        hl_heap_trace_detach();
}

// Only where the program gave a cycle counter must anything be done before an allocation.
static const struct hl_tracer tracer = {.before = before, .after = after, .chip_ends = chip_ends};
static const struct hl_tracer counting_tracer = {
    .before_allocation = read_counter, .before = before, .after = after, .chip_ends = chip_ends};

// Every change of the state, so that calls are seen only while they matter: while tracing, and where the program gave a
// cycle counter, which every traced call reads, recorded or not.
static void enter_state(enum state state) {
    atomic_store(&trace.state, (int)state);
    struct hl_chip *chip = trace.chip;
    if (chip)
        hl_chip_trace_calls(chip, state == STATE_STARTED || state == STATE_PAUSED || reads_counter(chip));
}

esp_err_t hl_heap_trace_attach(struct hl_chip *chip, uint32_t hash_map_entries, bool hash_map_external) {
    pthread_mutex_lock(&hl_trace_store.lock);
    if (trace.chip) {
        pthread_mutex_unlock(&hl_trace_store.lock);
        return ESP_ERR_INVALID_STATE;
    }
    trace.chip = chip;
    trace.entries = entries_of(chip->options.idf);
    trace.hash_map_entries = hash_map_entries;
    trace.hash_map_external = hash_map_external;
    trace.hash_map_allocated = false;
    trace.records = NULL;
    trace.capacity = 0;
    trace.store_is_set = false;
    trace.last_get = HL_TRACE_NONE;
    trace.last_get_index = 0;
    hl_trace_store.list.high_water = 0;
    hl_trace_list_reset(&hl_trace_store.list, NULL, 0, sizeof(struct hl_trace_record), 0);
    atomic_store(&trace.to_host, false);
    pthread_mutex_unlock(&hl_trace_store.lock);
    hl_chip_set_tracer(chip, reads_counter(chip) ? &counting_tracer : &tracer);
    // v4.4 has no unknown state.
    enter_state(is_old() ? STATE_STOPPED : STATE_UNKNOWN);
    return ESP_OK;
}

void hl_heap_trace_detach(void) {
    struct hl_chip *chip = trace.chip;
    if (!chip)
        return;
    enter_state(STATE_UNKNOWN);
    hl_chip_set_tracer(chip, NULL);
    hl_trace_store_enter(); // empties the rings
    hl_trace_list_reset(&hl_trace_store.list, NULL, 0, sizeof(struct hl_trace_record), 0);
    trace.chip = NULL;
    trace.records = NULL;
    trace.capacity = 0;
    hl_trace_store_leave();
}

static bool is_tracing(void) {
    int state = atomic_load(&trace.state);
    return state == STATE_STARTED || state == STATE_PAUSED;
}

static struct hl_chip *attached_chip(void) {
    if (!trace.chip) {
        struct hl_chip *chip = hl_chip_current();
        if (chip)
            hl_heap_trace_attach(chip, 0, false);
    }
    return trace.chip;
}

// The hash map itself is not needed here, but its memory is part of what the program sees.
static void allocate_hash_map(void) {
    if (trace.hash_map_entries == 0 || trace.hash_map_allocated)
        return;
    trace.hash_map_allocated = true;
    uint32_t bytes = trace.hash_map_entries * 8;
    hl_print(trace.chip, "I heaptrace: hashmap: allocating %u bytes (%s)\n\n", bytes,
             trace.hash_map_external ? "PSRAM" : "Internal RAM");
    heap_caps_calloc(1, bytes, trace.hash_map_external ? MALLOC_CAP_SPIRAM : MALLOC_CAP_INTERNAL);
}

esp_err_t hl_heap_trace_init_standalone(void *records, size_t count, size_t record_bytes, size_t depth) {
    if (!attached_chip() || is_tracing())
        return ESP_ERR_INVALID_STATE;
    bool none = !records || count == 0;
    if ((none && !is_old()) || depth > HL_TRACE_MAXIMUM_DEPTH || count >= HL_TRACE_NONE ||
        record_bytes < sizeof(struct hl_trace_record) + 2 * depth * sizeof(void *))
        return ESP_ERR_INVALID_ARG;
    if (!hl_trace_store_open())
        return ESP_ERR_NO_MEM;
    if (!is_old())
        allocate_hash_map();
    hl_trace_store_enter();
    trace.records = none ? NULL : records;
    trace.capacity = none ? 0 : (uint32_t)count;
    trace.record_bytes = record_bytes;
    trace.depth = (uint32_t)depth;
    atomic_store(&trace.to_host, false);
    if (is_old() && !none)
        memset(records, 0, count * record_bytes);
    hl_trace_store_leave();
    return ESP_OK;
}

esp_err_t hl_heap_trace_init_tohost(size_t depth) {
    if (!attached_chip() || is_tracing())
        return ESP_ERR_INVALID_STATE;
    if (depth > HL_TRACE_MAXIMUM_DEPTH)
        return ESP_ERR_INVALID_ARG;
    trace.depth = (uint32_t)depth;
    atomic_store(&trace.to_host, true);
    return ESP_OK;
}

// The chip waits here until a host records, for ever if none does.
static esp_err_t start_to_host(void) {
    esp_err_t error = hl_trace_host_start(trace.depth);
    if (error == ESP_OK)
        enter_state(STATE_STARTED);
    else
        fprintf(stderr, "heap_trace_start: no host records; name a destination in HEAPLINE_ESP_TRACE\n");
    return error;
}

esp_err_t heap_trace_start(heap_trace_mode_t mode) {
    if (!attached_chip())
        return ESP_ERR_INVALID_STATE;
    if (atomic_load(&trace.to_host))
        return start_to_host();
    if (!trace.records || trace.capacity == 0)
        return ESP_ERR_INVALID_STATE;
    enter_state(STATE_STOPPED);
    hl_trace_store_enter(); // what was recorded until here is cleared below
    struct hl_trace_list *list = &hl_trace_store.list;
    if (!hl_trace_list_reset(list, trace.records, trace.capacity, trace.record_bytes, trace.depth)) {
        hl_trace_store_leave();
        return ESP_ERR_NO_MEM;
    }
    if (!is_old())
        memset(trace.records, 0, (size_t)trace.capacity * trace.record_bytes);
    trace.store_is_set = true;
    hl_trace_store.depth = trace.depth;
    list->leaks_only = mode == HEAP_TRACE_LEAKS;
    list->search = is_old() || trace.hash_map_entries > 0 ? HL_TRACE_NEWEST : HL_TRACE_OLDEST;
    hl_trace_store_leave();
    enter_state(STATE_STARTED);
    return ESP_OK;
}

static esp_err_t set_state(enum state state) {
    if (!attached_chip() || atomic_load(&trace.state) == (int)state)
        return ESP_ERR_INVALID_STATE;
    hl_trace_store_enter();
    enter_state(state);
    hl_trace_store_leave();
    // What other cores were recording meanwhile is in the records, too.
    hl_trace_store_enter();
    hl_trace_store_leave();
    return ESP_OK;
}

esp_err_t heap_trace_stop(void) {
    if (!atomic_load(&trace.to_host))
        return set_state(STATE_STOPPED);
    enter_state(STATE_STOPPED);
    esp_err_t error = hl_trace_host_stop();
    return error;
}

esp_err_t heap_trace_alloc_pause(void) {
    return set_state(STATE_PAUSED);
}

esp_err_t heap_trace_resume(void) {
    if (atomic_load(&trace.to_host))
        return start_to_host();
    esp_err_t error = set_state(STATE_STARTED);
    if (error == ESP_OK && !trace.store_is_set)
        fprintf(stderr, "heap_trace_resume: there are no records; call heap_trace_init_standalone and "
                        "heap_trace_start first\n");
    return error;
}

size_t heap_trace_get_count(void) {
    if (!trace.chip || atomic_load(&trace.to_host))
        return 0;
    hl_trace_store_enter();
    size_t count = hl_trace_store.list.count;
    hl_trace_store_leave();
    return count;
}

// The chip remembers the record it returned last and steps on from there; index 0 resets the record, not the index.
static uint32_t slot_at(const struct hl_trace_list *list, size_t index) {
    uint32_t slot = HL_TRACE_NONE;
    bool is_next = trace.last_get != HL_TRACE_NONE && trace.last_get < list->capacity &&
                   trace.last_get_index == index - 1 && list->slots[trace.last_get].address != 0;
    if (is_next && !is_old())
        slot = list->slots[trace.last_get].next;
    if (slot == HL_TRACE_NONE) {
        slot = list->oldest;
        for (size_t i = 0; i < index && slot != HL_TRACE_NONE; i++)
            slot = list->slots[slot].next;
        if (index > 0)
            trace.last_get_index = index;
    } else {
        trace.last_get_index = index;
    }
    trace.last_get = slot;
    return slot;
}

esp_err_t hl_heap_trace_get(size_t index, void *record, size_t record_bytes) {
    if (atomic_load(&trace.to_host))
        return ESP_ERR_NOT_SUPPORTED;
    if (!record)
        return ESP_ERR_INVALID_STATE;
    esp_err_t error = ESP_ERR_INVALID_ARG;
    hl_trace_store_enter();
    const struct hl_trace_list *list = &hl_trace_store.list;
    if (index < list->count) {
        uint32_t slot = slot_at(list, index);
        size_t bytes = record_bytes < list->record_bytes ? record_bytes : list->record_bytes;
        memcpy(record, hl_trace_list_record(list, slot), bytes);
        error = ESP_OK;
    }
    hl_trace_store_leave();
    return error;
}

esp_err_t hl_heap_trace_summary(heap_trace_summary_t *summary, size_t summary_bytes) {
    if (atomic_load(&trace.to_host))
        return ESP_ERR_NOT_SUPPORTED;
    if (!summary)
        return ESP_ERR_INVALID_ARG;
    hl_trace_store_enter();
    const struct hl_trace_list *list = &hl_trace_store.list;
    *summary = (heap_trace_summary_t){
        .mode = list->leaks_only ? HEAP_TRACE_LEAKS : HEAP_TRACE_ALL,
        .total_allocations = list->allocations,
        .total_frees = list->frees,
        .count = list->count,
        .capacity = trace.capacity,
        .high_water_mark = list->high_water,
        .has_overflowed = list->overflowed,
    };
    // A program built with the hash map has two more members.
    size_t *more = (size_t *)(void *)((char *)summary + sizeof *summary);
    if (summary_bytes >= sizeof *summary + 2 * sizeof *more) {
        more[0] = list->hits;
        more[1] = list->misses;
    }
    hl_trace_store_leave();
    return ESP_OK;
}

void heap_trace_dump_caps(const uint32_t caps) {
    if (!attached_chip() || atomic_load(&trace.to_host))
        return;
    hl_trace_store_enter();
    const struct hl_trace_list *list = &hl_trace_store.list;
    struct hl_trace_snapshot snapshot = {
        .record_bytes = sizeof(struct hl_trace_record) + 2 * list->depth * sizeof(void *),
        .depth = list->depth,
        .count = list->count,
        .capacity = trace.capacity,
        .high_water = list->high_water,
        .allocations = list->allocations,
        .frees = list->frees,
        .hits = list->hits,
        .misses = list->misses,
        .hash_map_entries = trace.hash_map_entries,
        .leaks_only = list->leaks_only,
        .overflowed = list->overflowed,
    };
    snapshot.records = malloc((size_t)snapshot.count * snapshot.record_bytes + 1);
    uint32_t copied = 0;
    for (uint32_t slot = list->oldest; snapshot.records && slot != HL_TRACE_NONE; slot = list->slots[slot].next)
        memcpy(snapshot.records + (size_t)copied++ * snapshot.record_bytes, hl_trace_list_record(list, slot),
               snapshot.record_bytes);
    hl_trace_store_leave();
    if (!snapshot.records) {
        fprintf(stderr, "heap_trace_dump: the host has no memory for a copy of %u records\n", snapshot.count);
        return;
    }
    hl_trace_dump(trace.chip, &snapshot, caps, (uint32_t)heap_trace_get_count());
    free(snapshot.records);
}

void heap_trace_dump(void) {
    heap_trace_dump_caps(MALLOC_CAP_INTERNAL | MALLOC_CAP_SPIRAM);
}
