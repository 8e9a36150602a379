// SPDX-License-Identifier: Apache-2.0
//
// linked NAME BACKEND TRACE: runs one behaviour. Exit status 0 when every call did what heapline.h says, else a number
// that is unique within the behaviour; 64 for an unknown name.

#include "linked.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *volatile linked_sink;

__attribute__((noinline)) void linked_blocks(int count, size_t bytes, int stay) {
    for (int i = 0; i < count; i++) {
        void *block = malloc(bytes);
        linked_sink = block;
        if (!stay) free(block);
    }
}

int linked_finish(const char *path) {
    if (hl_stop() != 0) return -1;
    if (hl_snapshot(path) != 0) return -1;
    return hl_discard();
}

void linked_require(int fine, int status) {
    if (!fine) _exit(status);
}

static const struct {
    const char *name;
    int (*run)(const struct linked *);
} behaviours[] = {
    {"whole", linked_whole}, {"steer", linked_steer}, {"twice", linked_twice},         {"busy", linked_busy},
    {"fork", linked_fork},   {"under", linked_under}, {"overwrite", linked_overwrite},
};

int main(int argc, char **argv) {
    if (argc != 4) return 64;
    struct linked linked = {.options = {.depth = 16}, .trace = argv[3]};
    if (!strcmp(argv[2], "cas")) linked.options.backend = HL_BACKEND_CAS;
    if (!strcmp(argv[2], "rseq")) linked.options.backend = HL_BACKEND_RSEQ;
    linked_require(hl_has_hooks(), 63);
    for (size_t i = 0; i < sizeof behaviours / sizeof *behaviours; i++)
        if (!strcmp(argv[1], behaviours[i].name)) return behaviours[i].run(&linked);
    return 64;
}
