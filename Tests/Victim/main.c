// SPDX-License-Identifier: Apache-2.0
//
// victim NAME [ARGUMENTS]: runs one behaviour. Exit status as the behaviour says; 64 for an unknown name.

#include "victim.h"

#include <stdlib.h>
#include <string.h>

void *volatile victim_sink;

__attribute__((noinline)) void *victim_allocate(size_t size) {
    void *block = malloc(size);
    victim_sink = block;
    return block;
}

long victim_number(int argc, char **argv, int index, long otherwise) {
    return index < argc ? strtol(argv[index], NULL, 10) : otherwise;
}

static const struct {
    const char *name;
    int (*run)(int, char **);
} behaviours[] = {
    {"nothing", victim_nothing},
    {"loop", victim_loop},
    {"family", victim_family},
    {"leak", victim_leak},
    {"threads", victim_threads},
    {"cross", victim_cross},
    {"fork", victim_fork},
    {"vfork", victim_vfork},
    {"exec", victim_exec},
    {"signals", victim_signals},
    {"interrupted", victim_interrupted},
    {"destructors", victim_destructors},
    {"dlopen", victim_dlopen},
    {"killed", victim_killed},
    {"exits", victim_exits},
    {"deep", victim_deep},
    {"reachable", victim_reachable},
    {"limited", victim_limited},
};

int victim_nothing(int argc, char **argv) {
    (void)argc;
    (void)argv;
    return 0;
}

int main(int argc, char **argv) {
    for (size_t i = 0; argc > 1 && i < sizeof behaviours / sizeof *behaviours; i++)
        if (!strcmp(argv[1], behaviours[i].name)) return behaviours[i].run(argc, argv);
    return 64;
}
