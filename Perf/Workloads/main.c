// SPDX-License-Identifier: Apache-2.0
//
// workload NAME EVENTS [PARAMETER]: runs one of the loops and prints what it did and what it took.

#include "workload.h"

#include <string.h>

static const struct {
    const char *name;
    uint64_t (*run)(uint64_t events, uint64_t parameter);
    uint64_t parameter;
} loops[] = {
    {"tight", workload_tight, 0},       // malloc and free, one call site
    {"deep", workload_deep, 32},        // the same below a stack that does not change
    {"tree", workload_tree, 5000},      // every allocation from another of so many stacks
    {"threads", workload_threads, 2},   // blocks made by one thread, freed by another
    {"live", workload_live, 100000},    // so many blocks alive while others come and go
};

int main(int argc, char **argv) {
    uint64_t events = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    for (size_t i = 0; argc > 2 && i < sizeof loops / sizeof *loops; i++) {
        if (strcmp(loops[i].name, argv[1])) continue;
        uint64_t parameter = argc > 3 ? strtoull(argv[3], NULL, 10) : loops[i].parameter;
        struct workload_span begin = workload_begin();
        workload_end(begin, loops[i].run(events, parameter));
        return 0;
    }
    fprintf(stderr, "usage: workload tight|deep|tree|threads|live EVENTS [PARAMETER]\n");
    return 64;
}
