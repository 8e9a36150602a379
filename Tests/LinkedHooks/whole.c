// SPDX-License-Identifier: Apache-2.0
//
// whole: 20,000 allocations of 24 + i % 64 bytes, freed at once; 10 of 100 bytes that stay; a block of the family each:
// calloc 5 × 8, posix_memalign 72, realloc of that calloc to 80; all three freed.
// overwrite: a flight recorder of 1 MiB over 100,000 allocations of 40 bytes and their frees; the trace has the newest.

#include "linked.h"

#include <stdlib.h>

int linked_whole(const struct linked *linked) {
    linked_require(hl_start(&linked->options) == 0, 1);
    for (size_t i = 0; i < 20000; i++) linked_blocks(1, 24 + i % 64, 0);
    linked_blocks(10, 100, 1);
    void *cleared = calloc(5, 8), *aligned = NULL;
    linked_sink = cleared;
    linked_require(posix_memalign(&aligned, 64, 72) == 0, 2);
    linked_sink = aligned;
    cleared = realloc(cleared, 80);
    linked_sink = cleared;
    free(cleared);
    free(aligned);
    linked_require(linked_finish(linked->trace) == 0, 3);
    return 0;
}

int linked_overwrite(const struct linked *linked) {
    struct hl_options options = linked->options;
    options.on_full = HL_ON_FULL_OVERWRITE;
    options.buffer_bytes = 1 << 20;
    linked_require(hl_start(&options) == 0, 1);
    linked_blocks(100000, 40, 0);
    linked_require(linked_finish(linked->trace) == 0, 2);
    return 0;
}
