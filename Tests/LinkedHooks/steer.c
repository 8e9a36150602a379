// SPDX-License-Identifier: Apache-2.0
//
// steer: 100 blocks of 40 bytes with whole stacks, 100 while paused, mark "two", then 50 of 56 bytes with stacks of 2 frames;
// a snapshot to TRACE.running here; then 25 of 72 bytes, without stacks. All stay alive. What an ignored thread does is left out.

#include "linked.h"

#include <pthread.h>
#include <stdio.h>

static void *ignored(void *context) {
    (void)context;
    hl_ignore_this_thread(1);
    linked_blocks(10, 88, 1);
    hl_ignore_this_thread(0);
    linked_blocks(7, 104, 1);
    return NULL;
}

int linked_steer(const struct linked *linked) {
    char running[4096];
    snprintf(running, sizeof running, "%s.running", linked->trace);
    linked_require(hl_start(&linked->options) == 0, 1);
    hl_mark("one");
    linked_blocks(100, 40, 1);
    linked_require(hl_pause() == 0 && hl_pause() == 0, 2);
    linked_blocks(100, 40, 1);
    pthread_t thread; // made and ended while paused, but for what it does in between
    linked_require(hl_resume() == 0, 3);
    linked_require(pthread_create(&thread, NULL, ignored, NULL) == 0, 4);
    pthread_join(thread, NULL);
    hl_mark("two");
    linked_require(hl_set_depth(2) == 0, 5);
    linked_require(hl_set_depth(17) == HL_ERROR_ARGUMENT, 6);
    linked_blocks(50, 56, 1);
    struct hl_counts counts;
    linked_require(hl_counts_now(&counts) == 0 && counts.sums.allocations >= 157, 7);
    linked_require(hl_snapshot(running) == 0, 8);
    linked_require(hl_set_depth(0) == 0, 9);
    linked_blocks(25, 72, 1);
    linked_require(linked_finish(linked->trace) == 0, 10);
    return 0;
}
