// SPDX-License-Identifier: Apache-2.0
//
// What tracing to a host costs firmware: pairs of malloc and free untraced, then recorded as SystemView packets (--trace
// FILE.svdat) or as a trace (--trace FILE.heapline), and what writing the file takes at the end. `make figures` runs both.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CONFIG_HEAP_TRACING_STACK_DEPTH 0
#include "esp_heap_trace.h"
#include "esp_timer.h"

enum { PAIRS = 100000, ROUNDS = 7 };

static void *volatile kept;

static double pairs(void) {
    int64_t start = esp_timer_get_time();
    for (int i = 0; i < PAIRS; i++) {
        kept = malloc(40);
        free(kept);
    }
    return (double)(esp_timer_get_time() - start) * 1000 / PAIRS;
}

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(double *values) {
    qsort(values, ROUNDS, sizeof *values, compare);
    return values[ROUNDS / 2];
}

void app_main(void) {
    double untraced[ROUNDS], traced[ROUNDS], closing[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        untraced[round] = pairs();
        if (heap_trace_init_tohost() != ESP_OK || heap_trace_start(HEAP_TRACE_ALL) != ESP_OK)
            abort();
        traced[round] = pairs();
        int64_t start = esp_timer_get_time();
        heap_trace_stop();
        closing[round] = (double)(esp_timer_get_time() - start) * 1000 / (2.0 * PAIRS);
    }
    printf("untraced pair %.1f ns, recorded pair %.1f ns, writing the file %.1f ns an event\n", median(untraced),
           median(traced), median(closing));
}
