// SPDX-License-Identifier: Apache-2.0
//
// churn EVENTS BLOCKS: frees a block drawn at random and allocates one of another size in its place, again and again; all stay alive at the
// end. A program of its own: whatever is added to `workload` moves its code, and which stacks share a place in the recorder's caches with it.

#include "workload.h"

int main(int argc, char **argv) {
    uint64_t events = argc > 2 ? strtoull(argv[1], NULL, 10) : 0;
    uint64_t blocks = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    void **live = calloc(blocks ? blocks : 1, sizeof *live);
    if (!blocks || !live) {
        fprintf(stderr, "usage: churn EVENTS BLOCKS\n");
        return 64;
    }
    struct workload_span begin = workload_begin();
    uint64_t random = 7, made = 0;
    for (uint64_t i = 0; i < events / 2; i++) {
        uint64_t drawn = workload_random(&random);
        void **slot = &live[drawn % blocks];
        made += 1 + (*slot != NULL);
        free(*slot);
        *slot = malloc(16 + (drawn >> 32) % 200);
    }
    workload_end(begin, made);
    workload_keep(live);
    return 0;
}
