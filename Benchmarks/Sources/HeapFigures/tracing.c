// SPDX-License-Identifier: Apache-2.0
//
// ESP-IDF's heap_trace on an emulated ESP32-S3, stack depth 0. A pair is one malloc and one free of 40 bytes.
//
// Both cores at once are compared with one alone, and that with the same without tracing: two processors of one machine
// may slow each other down without sharing a byte.
//
// Each core has a region of its own for its blocks: alike, and with a lock of its own, so that what the cores share is the
// tracing alone. Of R records, R - 1 are blocks that stay, the oldest; those of the loop come and go behind them, which
// is where a list that is walked is slowest. Times are processor time of the core's thread: on a machine where both are
// not always there, waiting for a processor is not part of the cost.

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define CONFIG_HEAP_TRACING_STACK_DEPTH 0
#include "chip.h"
#include "esp_heap_caps.h"
#include "esp_heap_caps_init.h"
#include "esp_heap_trace.h"
#include "figures.h"
#include "heapline_trace.h"

enum { CORES = 2, PAIRS = 50000, RECORDS = 100000, STACK_BYTES = 2048, KINDS = 4 };

// Capabilities that no memory of the chip has.
static const uint32_t own_caps[CORES] = {1u << 28, 1u << 29};
static struct measured_chip chip;
static heap_trace_record_t *records;
static void *held[RECORDS];
static pthread_mutex_t one_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int waiting;

struct run {
    unsigned core;
    int has_lock, cores;
    double time;
};

static void pairs(uint32_t caps) {
    for (int i = 0; i < PAIRS; i++)
        heap_caps_free(heap_caps_malloc(40, caps));
}

// As if the cores shared the trace the simple way.
static void pairs_under_lock(uint32_t caps) {
    for (int i = 0; i < PAIRS; i++) {
        pthread_mutex_lock(&one_lock);
        void *block = heap_caps_malloc(40, caps);
        pthread_mutex_unlock(&one_lock);
        pthread_mutex_lock(&one_lock);
        heap_caps_free(block);
        pthread_mutex_unlock(&one_lock);
    }
}

static void task(void *context) {
    struct run *run = context;
    atomic_fetch_add(&waiting, 1);
    while (atomic_load(&waiting) < run->cores) {
    }
    double start = figures_thread_ns();
    (run->has_lock ? pairs_under_lock : pairs)(own_caps[run->core]);
    // Whatever is still on its way to the list is paid for here, not by the next measurement.
    heap_trace_get_count();
    run->time = (figures_thread_ns() - start) / (double)PAIRS;
}

static void *thread(void *context) {
    struct run *run = context;
    if (hl_chip_run_task(chip.chip, run->core, run->core ? "right" : "left", STACK_BYTES, task, run) != ESP_OK)
        exit(2);
    return NULL;
}

// One core alone, or both at once: the mean time of a pair on a core.
static double measure(int cores, int has_lock) {
    pthread_t threads[CORES];
    struct run runs[CORES];
    double sum = 0;
    atomic_store(&waiting, 0);
    for (int core = 0; core < cores; core++) {
        runs[core] = (struct run){.core = (unsigned)core, .has_lock = has_lock, .cores = cores};
        pthread_create(&threads[core], NULL, thread, &runs[core]);
    }
    for (int core = 0; core < cores; core++) {
        pthread_join(threads[core], NULL);
        sum += runs[core].time;
    }
    return sum / cores;
}

static void start(heap_trace_mode_t mode, size_t count) {
    if (heap_trace_init_standalone(records, count) != ESP_OK || heap_trace_start(mode) != ESP_OK)
        exit(2);
    for (size_t i = 0; i + 1 < count; i++)
        held[i] = heap_caps_malloc(16, own_caps[0]);
    if (heap_trace_get_count() != count - 1)
        exit(2);
}

static void stop(size_t count) {
    heap_trace_stop();
    for (size_t i = 0; i + 1 < count; i++)
        heap_caps_free(held[i]);
}

void figures_tracing(int rounds) {
    static const size_t counts[KINDS] = {100, 1000, 10000, RECORDS};
    static const char *const modes[2] = {"all", "leaks"};
    chip = measured_chip_make("esp32s3", HL_POISONING_NONE, 1);
    records = calloc(RECORDS, sizeof *records);
    for (int core = 0; core < CORES; core++) {
        uint32_t low = 0x20000000u + (uint32_t)core * 0x1000000u, bytes = 8 << 20;
        const uint32_t caps[3] = {own_caps[core], 0, 0};
        if (!records || hl_chip_map(chip.chip, low, bytes) != 0 ||
            heap_caps_add_region_with_caps(caps, (intptr_t)hl_chip_pointer(chip.chip, low),
                                           (intptr_t)hl_chip_pointer(chip.chip, low) + bytes) != ESP_OK)
            exit(2);
    }
    if (hl_heap_trace_attach(chip.chip, 0, false) != ESP_OK)
        exit(2);
    // More rounds: what is compared is small.
    rounds = rounds * 2 + 1 < FIGURES_ROUNDS_MAX ? rounds * 2 + 1 : FIGURES_ROUNDS_MAX;
    struct figures untraced[CORES] = {0}, added[2][KINDS] = {0}, growth[2] = {0};
    struct figures together[2] = {0}, scaling[2] = {0}, locked[2] = {0}, plain_scaling = {0};
    for (int round = -1; round < rounds; round++) {
        double plain = measure(1, 0), plain_both = measure(2, 0);
        if (round >= 0) {
            figures_add(&untraced[0], plain);
            figures_add(&untraced[1], plain_both);
            figures_add(&plain_scaling, plain_both / plain);
        }
        for (int mode = 0; mode < 2; mode++) {
            double first = 1, last = 1;
            for (int kind = 0; kind < KINDS; kind++) {
                start(mode ? HEAP_TRACE_LEAKS : HEAP_TRACE_ALL, counts[kind]);
                double time = measure(1, 0);
                first = kind == 0 ? time : first;
                last = time;
                if (round >= 0)
                    figures_add(&added[mode][kind], time - plain);
                if (kind == 1 && round >= 0) {
                    double both = measure(2, 0);
                    figures_add(&together[mode], both);
                    figures_add(&scaling[mode], both / measure(1, 0) / (plain_both / plain));
                    figures_add(&locked[mode], measure(2, 1));
                }
                stop(counts[kind]);
            }
            if (round >= 0)
                figures_add(&growth[mode], last / first);
        }
    }
    printf("untraced pair: one core %.1f ns, two cores %.1f ns each (%.2f times)\n", figures_median(&untraced[0]),
           figures_median(&untraced[1]), figures_median(&plain_scaling));
    for (int mode = 0; mode < 2; mode++) {
        char what[80];
        for (int kind = 0; kind < KINDS; kind++) {
            snprintf(what, sizeof what, "%s, %zu records: added to a pair", modes[mode], counts[kind]);
            // A full list of the last size drops its oldest record, in memory that no cache holds, for each new one.
            if (mode || counts[kind] < RECORDS)
                figures_judge(what, figures_median(&added[mode][kind]), 60, "ns");
            else
                printf("%-66s %8.2f ns\n", what, figures_median(&added[mode][kind]));
        }
        snprintf(what, sizeof what, "%s: 100,000 records, times 100", modes[mode]);
        if (mode)
            figures_judge(what, figures_median(&growth[mode]), 1.25, "");
        else
            printf("%-66s %8.2f\n", what, figures_median(&growth[mode]));
        snprintf(what, sizeof what, "%s: both cores at once, times one core, relative to untraced", modes[mode]);
        figures_judge(what, figures_median(&scaling[mode]), 1.1, "");
        printf("%s: a pair on both cores at once %.1f ns, with one lock around malloc and free %.1f ns\n", modes[mode],
               figures_median(&together[mode]), figures_median(&locked[mode]));
    }
    hl_heap_trace_detach();
    measured_chip_end(chip);
    free(records);
}
