// SPDX-License-Identifier: Apache-2.0
//
// See figures.h.

#include "figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int figures_failures;

static double clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

double figures_now_ns(void) {
    return clock_ns(CLOCK_MONOTONIC);
}

double figures_thread_ns(void) {
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

void figures_add(struct figures *figures, double value) {
    if (figures->count < FIGURES_ROUNDS_MAX)
        figures->value[figures->count++] = value;
}

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double figures_median(const struct figures *figures) {
    double sorted[FIGURES_ROUNDS_MAX];
    memcpy(sorted, figures->value, sizeof sorted);
    qsort(sorted, (size_t)figures->count, sizeof *sorted, compare);
    return sorted[figures->count / 2];
}

void figures_judge(const char *what, double figure, double budget, const char *unit) {
    int is_within = figure <= budget;
    figures_failures += !is_within;
    printf("%-66s %8.2f %-3s (at most %g)%s\n", what, figure, unit, budget, is_within ? "" : "  <-- missed");
}
