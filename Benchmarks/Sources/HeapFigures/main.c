// SPDX-License-Identifier: Apache-2.0
//
// The emulated heap's figures against their budgets, in minutes:
//
//     swift run -c release --package-path Benchmarks HeapFigures [pairs] [curve] [chips] [tracing] [ROUNDS]
//
// Exit status 1 when one is missed. On a machine that does something else at the same time, use more rounds.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"

static int wants(int argc, char **argv, const char *part) {
    int any = 0, this_one = 0;
    for (int i = 1; i < argc; i++) {
        any |= strtol(argv[i], NULL, 10) == 0;
        this_one |= strcmp(argv[i], part) == 0;
    }
    return !any || this_one;
}

int main(int argc, char **argv) {
    int rounds = 21;
    for (int i = 1; i < argc; i++)
        if (strtol(argv[i], NULL, 10) > 0)
            rounds = (int)strtol(argv[i], NULL, 10) | 1;
    if (rounds > FIGURES_ROUNDS_MAX)
        rounds = FIGURES_ROUNDS_MAX;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%d rounds, all figures are medians\n", rounds);
    if (wants(argc, argv, "pairs"))
        figures_pairs(rounds);
    if (wants(argc, argv, "curve"))
        figures_curve(rounds);
    if (wants(argc, argv, "chips"))
        figures_chips();
    if (wants(argc, argv, "tracing"))
        figures_tracing(rounds);
    return figures_failures == 0 ? 0 : 1;
}
