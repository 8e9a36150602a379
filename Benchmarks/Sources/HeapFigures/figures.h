// SPDX-License-Identifier: Apache-2.0
//
// What the parts of HeapFigures share: time, medians, and budgets. A part measures in rounds: in each round every
// candidate once, one after the other, so that what disturbs the machine disturbs all; what is compared is compared
// within a round, and the median of the rounds is the figure.
#pragma once

#include <stdint.h>

enum { FIGURES_ROUNDS_MAX = 101 };

// A series of figures, one per round.
struct figures {
    double value[FIGURES_ROUNDS_MAX];
    int count;
};

double figures_now_ns(void);
// Processor time of the calling thread.
double figures_thread_ns(void);
void figures_add(struct figures *figures, double value);
double figures_median(const struct figures *figures);

// Prints a line with the figure and whether it is within its budget; figures_failures counts those that are not.
void figures_judge(const char *what, double figure, double budget, const char *unit);
extern int figures_failures;

static inline uint64_t figures_random(uint64_t *state) { // xorshift64*, Vigna 2016
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 2685821657736338717u;
}

// The parts. `rounds` is odd.
void figures_pairs(int rounds);
void figures_curve(int rounds);
void figures_chips(void);
void figures_tracing(int rounds);
