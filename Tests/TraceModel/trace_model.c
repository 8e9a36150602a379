// SPDX-License-Identifier: Apache-2.0
//
// Random operations on the heap_trace API from two cores, against naive_list.h.
//
//     trace-model [OPERATIONS [SEED]]
//
// First, chips one after the other, and the merge of the cores' rings alone (merge_model.c).  Then three runs.  Taking turns: the
// two cores hand a baton to each other at random, so the order of all operations is known and every count, record and summary
// must equal the model's.  At once: both cores run freely; what must hold in any order is checked (the live set, totals, each
// core's own order).  Handing over: each core frees what the other one allocated, and every free must find its record.
// It can find: wrong order between cores, lost or doubled events, wrong records after reuse of addresses and overflow,
// wrong states.  It cannot find: errors in what is printed (the golden files are for that).
// Exit status 0, or 1 with a line that names the operation.  Prints its seed.

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONFIG_HEAP_TRACING_STACK_DEPTH 0
#include "esp_heap_caps.h"
#include "esp_heap_caps_init.h"
#include "esp_heap_trace.h"
#include "heapline_chip.h"
#include "heapline_trace.h"
#include "model.h"
#include "naive_list.h"

enum { CORES = 2, SLOTS = 48, STACK_BYTES = 1024 };

static struct hl_chip *chip;
static uint64_t operations = 1000000;
uint64_t seed;
static heap_trace_record_t records[1 << 16];

uint64_t next_random(uint64_t *state) {
    uint64_t value = *state;
    value ^= value >> 12;
    value ^= value << 25;
    value ^= value >> 27;
    *state = value;
    return value * 0x2545F4914F6CDD1Du;
}

unsigned below(uint64_t *state, unsigned limit) {
    return (unsigned)((next_random(state) >> 33) % limit);
}

_Noreturn void fail(uint64_t operation, const char *what, long long expected, long long actual) {
    printf("operation %llu: %s: expected %lld, got %lld (seed %llu)\n", (unsigned long long)operation, what, expected,
           actual, (unsigned long long)seed);
    fflush(stdout);
    _Exit(1);
}

void check(uint64_t operation, const char *what, size_t expected, size_t actual) {
    if (expected != actual)
        fail(operation, what, (long long)expected, (long long)actual);
}

// Taking turns.

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned turn, ready;
    uint64_t done, state;
    struct naive_list model;
    struct {
        void *block;
        size_t size;
    } slots[SLOTS];
    bool stopped, paused;
} turns = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static bool records_allocations(void) {
    return !turns.stopped && !turns.paused;
}

static bool records_frees(void) {
    return !turns.stopped;
}

static void compare(uint64_t operation) {
    const struct naive_list *model = &turns.model;
    check(operation, "count", model->count, heap_trace_get_count());
    heap_trace_summary_t sum;
    heap_trace_summary(&sum);
    check(operation, "total_allocations", model->allocations, sum.total_allocations);
    check(operation, "total_frees", model->frees, sum.total_frees);
    check(operation, "high_water_mark", model->high_water, sum.high_water_mark);
    check(operation, "has_overflowed", model->overflowed, sum.has_overflowed);
    for (size_t i = 0; i < model->count; i++) {
        heap_trace_record_t record;
        check(operation, "heap_trace_get", ESP_OK, (size_t)heap_trace_get(i, &record));
        check(operation, "address", model->records[i].address, (uintptr_t)record.address);
        check(operation, "size", model->records[i].size, record.size);
        check(operation, "core", model->records[i].core, record.ccount & 1);
        check(operation, "freed", model->records[i].freed, record.freed);
    }
    heap_trace_record_t none;
    check(operation, "past the end", ESP_ERR_INVALID_ARG, (size_t)heap_trace_get(model->count, &none));
}

static void change_state(uint64_t operation, unsigned choice) {
    bool running = records_allocations();
    if (choice == 0) {
        check(operation, "stop", turns.stopped ? ESP_ERR_INVALID_STATE : ESP_OK, (size_t)heap_trace_stop());
        turns.stopped = true;
        turns.paused = false;
    } else if (choice == 1) {
        check(operation, "resume", running ? ESP_ERR_INVALID_STATE : ESP_OK, (size_t)heap_trace_resume());
        turns.stopped = turns.paused = false;
    } else if (choice == 2) {
        bool is_paused = turns.paused && !turns.stopped;
        check(operation, "pause", is_paused ? ESP_ERR_INVALID_STATE : ESP_OK, (size_t)heap_trace_alloc_pause());
        turns.paused = true;
        turns.stopped = false;
    } else {
        bool leaks = choice == 3;
        check(operation, "start", ESP_OK, (size_t)heap_trace_start(leaks ? HEAP_TRACE_LEAKS : HEAP_TRACE_ALL));
        naive_start(&turns.model, leaks);
        turns.stopped = turns.paused = false;
    }
}

static void release(unsigned slot) {
    if (turns.slots[slot].block && records_frees())
        naive_free(&turns.model, (uintptr_t)turns.slots[slot].block);
    heap_caps_free(turns.slots[slot].block);
    turns.slots[slot].block = NULL;
}

static void operate(unsigned core, uint64_t operation) {
    uint64_t *state = &turns.state;
    unsigned slot = below(state, SLOTS), kind = below(state, 1000);
    size_t size = 1 + below(state, 400);
    if (kind < 500) {
        release(slot);
        void *block = kind < 400 ? heap_caps_malloc(size, MALLOC_CAP_DEFAULT)
                                 : heap_caps_calloc(1, size, MALLOC_CAP_DEFAULT);
        turns.slots[slot].block = block;
        if (block && records_allocations())
            naive_add(&turns.model, (uintptr_t)block, size, core);
    } else if (kind < 800) {
        release(slot);
    } else if (kind < 985) {
        void *old = turns.slots[slot].block;
        if (old && records_frees())
            naive_free(&turns.model, (uintptr_t)old);
        void *block = heap_caps_realloc(old, size, MALLOC_CAP_DEFAULT);
        if (!block)
            fail(operation, "realloc failed", 1, 0);
        turns.slots[slot].block = block;
        if (records_allocations())
            naive_add(&turns.model, (uintptr_t)block, size, core);
    } else if (kind < 995) {
        compare(operation);
    } else {
        change_state(operation, below(state, 5));
    }
}

static void take_turns(void *context) {
    unsigned core = *(const unsigned *)context;
    pthread_mutex_lock(&turns.lock);
    // Both tasks have their memory before the first operation: it might start the trace.
    turns.ready++;
    pthread_cond_broadcast(&turns.changed);
    while (turns.ready < CORES)
        pthread_cond_wait(&turns.changed, &turns.lock);
    while (turns.done < operations) {
        if (turns.turn != core) {
            pthread_cond_wait(&turns.changed, &turns.lock);
            continue;
        }
        unsigned burst = 1 + below(&turns.state, 64);
        for (unsigned i = 0; i < burst && turns.done < operations; i++)
            operate(core, turns.done++);
        turns.turn = 1 - core;
        pthread_cond_signal(&turns.changed);
    }
    pthread_cond_signal(&turns.changed);
    pthread_mutex_unlock(&turns.lock);
}

// At once.

static struct {
    uint64_t allocations, frees;
    void *live[SLOTS];
    size_t live_count;
} alone[CORES];

static void run_freely(void *context) {
    unsigned core = *(const unsigned *)context;
    uint64_t state = seed * 2 + core + 1;
    for (uint64_t i = 0; i < operations / 2; i++) {
        unsigned slot = below(&state, SLOTS);
        if (alone[core].live[slot]) {
            heap_caps_free(alone[core].live[slot]);
            alone[core].live[slot] = NULL;
            alone[core].frees++;
        } else {
            alone[core].live[slot] = heap_caps_malloc(1 + below(&state, 200), MALLOC_CAP_DEFAULT);
            alone[core].allocations += alone[core].live[slot] != NULL;
        }
        if (below(&state, 4096) == 0 && heap_trace_get_count() > 2 * SLOTS)
            fail(i, "more records than blocks", 2 * SLOTS, (long long)heap_trace_get_count());
    }
}

static void check_freely(void) {
    uint64_t allocations = 0, frees = 0, live = 0;
    for (unsigned core = 0; core < CORES; core++) {
        allocations += alone[core].allocations;
        frees += alone[core].frees;
        for (unsigned slot = 0; slot < SLOTS; slot++)
            live += alone[core].live[slot] != NULL;
    }
    heap_trace_summary_t sum;
    heap_trace_summary(&sum);
    check(operations, "live records", live, heap_trace_get_count());
    check(operations, "allocations", allocations, sum.total_allocations);
    for (size_t i = 0; i < live; i++) {
        heap_trace_record_t record;
        heap_trace_get(i, &record);
        unsigned core = record.ccount & 1, found = 0;
        for (unsigned slot = 0; slot < SLOTS; slot++)
            found += alone[core].live[slot] == record.address;
        check(operations, "a live block of its core", 1, found);
    }
    // A free while no record is left is not counted, and that can only happen while both cores hold nothing.
    if (sum.total_frees > frees)
        fail(operations, "frees", (long long)frees, (long long)sum.total_frees);
}

// Handing over.

enum { MAILBOX = 4 };

// One for each direction: what was allocated there, not taken yet.
static struct {
    _Alignas(64) _Atomic(void *) blocks[MAILBOX];
} mailboxes[CORES];

// Frees what the other core has sent, if anything: it takes `position` blocks in all.
static bool take_one(unsigned core, uint64_t position) {
    _Atomic(void *) *place = &mailboxes[1 - core].blocks[position % MAILBOX];
    // Acquire: pairs with the release in send_one; the block is seen as it was left.
    void *block = atomic_load_explicit(place, memory_order_acquire);
    if (!block)
        return false;
    atomic_store_explicit(place, NULL, memory_order_relaxed);
    heap_caps_free(block);
    return true;
}

static bool send_one(unsigned core, uint64_t position, uint64_t *state) {
    _Atomic(void *) *place = &mailboxes[core].blocks[position % MAILBOX];
    // Relaxed: null is all that matters.
    if (atomic_load_explicit(place, memory_order_relaxed))
        return false;
    void *block = heap_caps_malloc(1 + below(state, 200), MALLOC_CAP_DEFAULT);
    if (!block)
        fail(position, "malloc failed", 1, 0);
    atomic_store_explicit(place, block, memory_order_release);
    return true;
}

static void hand_over(void *context) {
    unsigned core = *(const unsigned *)context;
    uint64_t state = seed * 2 + core + 1, sent = 0, taken = 0;
    while (sent < operations / 4 || taken < operations / 4) {
        bool moves = sent < operations / 4 && send_one(core, sent, &state);
        sent += moves;
        if (taken < operations / 4 && take_one(core, taken)) {
            taken++;
            moves = true;
        }
        if (!moves)
            sched_yield();
    }
}

static void check_handed_over(void) {
    heap_trace_summary_t sum;
    heap_trace_summary(&sum);
    // Each of the tasks has two blocks of its own.
    uint64_t blocks = operations / 4 * 2 + 2 * CORES;
    check(operations, "records of what was handed over", 0, heap_trace_get_count());
    check(operations, "allocations", blocks, sum.total_allocations);
    check(operations, "frees", blocks, sum.total_frees);
    if (sum.high_water_mark > 2 * (CORES * MAILBOX + CORES) + 2 * CORES)
        fail(operations, "more at a time than there is room for", 2 * (CORES * MAILBOX + CORES) + 2 * CORES,
             (long long)sum.high_water_mark);
}

struct runner {
    void (*function)(void *);
    unsigned core;
};

static void *run_core(void *context) {
    struct runner *runner = context;
    esp_err_t error = hl_chip_run_task(chip, runner->core, runner->core ? "right" : "left", STACK_BYTES,
                                       runner->function, &runner->core);
    if (error != ESP_OK)
        fail(0, "hl_chip_run_task", ESP_OK, error);
    return NULL;
}

static void run_on_both(void (*function)(void *)) {
    pthread_t threads[CORES];
    struct runner runners[CORES] = {{function, 0}, {function, 1}};
    for (unsigned core = 0; core < CORES; core++)
        pthread_create(&threads[core], NULL, run_core, &runners[core]);
    for (unsigned core = 0; core < CORES; core++)
        pthread_join(threads[core], NULL);
}

// A chip that is destroyed while it is traced takes its trace along: the next one starts afresh, and is traced.
static void check_chip_after_chip(void) {
    for (uint64_t round = 0; round < 3; round++) {
        struct hl_chip_options options = {.target = "esp32s3", .mapping = HL_MAPPING_ELSEWHERE};
        if (hl_chip_create(&options, &chip) != 0)
            fail(round, "hl_chip_create", 0, -1);
        hl_chip_use(chip);
        heap_caps_init();
        heap_caps_enable_nonos_stack_heaps();
        check(round, "start without a buffer", ESP_ERR_INVALID_STATE, (size_t)heap_trace_start(HEAP_TRACE_ALL));
        check(round, "init", ESP_OK, (size_t)heap_trace_init_standalone(records, 10));
        check(round, "start", ESP_OK, (size_t)heap_trace_start(HEAP_TRACE_ALL));
        check(round, "records at the start", 0, heap_trace_get_count());
        void *block = heap_caps_malloc(100 + round, MALLOC_CAP_DEFAULT);
        check(round, "records", 1, heap_trace_get_count());
        heap_trace_record_t record;
        heap_trace_get(0, &record);
        check(round, "address", (size_t)block, (size_t)record.address);
        hl_chip_destroy(chip);
        check(round, "records without a chip", 0, heap_trace_get_count());
    }
}

// The two tasks' own stacks and control blocks are allocated before and freed after, untraced: tracing is off then.
int main(int argc, char **argv) {
    if (argc > 1)
        operations = strtoull(argv[1], NULL, 0);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)now.tv_nsec;
    printf("seed %llu, %llu operations\n", (unsigned long long)seed, (unsigned long long)operations);
    check_chip_after_chip();
    merge_model(operations);
    struct hl_chip_options options = {.target = "esp32", .idf = HL_IDF_5_5};
    hl_port_use_tasks(&options.port);
    if (hl_chip_create(&options, &chip) != 0)
        fail(0, "hl_chip_create", 0, -1);
    hl_chip_use_everywhere(chip);
    heap_caps_init();
    heap_caps_enable_nonos_stack_heaps();

    turns.state = seed | 1;
    for (unsigned hashed = 0; hashed < 2; hashed++) {
        hl_heap_trace_attach(chip, hashed ? 64 : 0, false);
        turns.model = (struct naive_list){.newest_first = hashed != 0};
        turns.model.capacity = hashed ? NAIVE_CAPACITY_MAXIMUM : 1 + below(&turns.state, 40);
        turns.stopped = turns.paused = false;
        turns.done = turns.ready = 0;
        heap_trace_init_standalone(records, turns.model.capacity);
        change_state(0, 4); // before the tasks exist, whose own blocks would be traced: stopped at once
        change_state(0, 0);
        run_on_both(take_turns);
        heap_trace_stop();
        for (unsigned slot = 0; slot < SLOTS; slot++) {
            heap_caps_free(turns.slots[slot].block);
            turns.slots[slot].block = NULL;
        }
        hl_heap_trace_detach();
    }

    hl_heap_trace_attach(chip, 0, false);
    heap_trace_init_standalone(records, sizeof records / sizeof records[0]);
    heap_trace_start(HEAP_TRACE_LEAKS);
    heap_trace_stop();
    heap_trace_resume();
    run_on_both(run_freely);
    heap_trace_stop();
    // The tasks' own four blocks were traced, too, and are gone again.
    alone[0].allocations += 4;
    alone[0].frees += 4;
    check_freely();
    hl_heap_trace_detach();

    hl_heap_trace_attach(chip, 0, false);
    heap_trace_init_standalone(records, 1000);
    heap_trace_start(HEAP_TRACE_LEAKS);
    run_on_both(hand_over);
    heap_trace_stop();
    check_handed_over();
    hl_heap_trace_detach();
    printf("ok\n");
    return 0;
}
