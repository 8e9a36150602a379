// SPDX-License-Identifier: Apache-2.0
//
// fork: 10 blocks of 40 bytes, then a child that is not recorded, does 20 of 40, and then records itself: 5 of 48, in
// TRACE.child; then 3 more of 40 here, in TRACE.
// under: for `heapline run`. hl_start() finds a recorder that is there; 1,001 blocks of 72 bytes, freed; mark "linked"; 100
// blocks of 72 while paused; one block of 1,000 bytes of an allocator of its own, by hl_event().

#include "linked.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int child(const struct linked *linked) {
    struct hl_counts counts;
    linked_blocks(20, 40, 1);
    if (hl_is_running() || hl_process_path() || hl_counts_now(&counts) != HL_ERROR_STATE) return 20;
    if (hl_snapshot(linked->trace) != HL_ERROR_STATE || hl_stop() != HL_ERROR_STATE) return 21;
    if (hl_start(&linked->options) != 0) return 22;
    linked_blocks(5, 48, 1);
    char path[4096];
    snprintf(path, sizeof path, "%s.child", linked->trace);
    return linked_finish(path) == 0 ? 0 : 23;
}

int linked_fork(const struct linked *linked) {
    linked_require(hl_start(&linked->options) == 0, 1);
    linked_blocks(10, 40, 1);
    pid_t pid = fork();
    if (pid == 0) _exit(child(linked));
    int status = 0;
    linked_require(waitpid(pid, &status, 0) == pid, 2);
    linked_require(WIFEXITED(status), 3);
    linked_require(WEXITSTATUS(status) == 0, WEXITSTATUS(status));
    linked_require(hl_is_running(), 4);
    linked_blocks(3, 40, 1);
    linked_require(linked_finish(linked->trace) == 0, 5);
    return 0;
}

int linked_under(const struct linked *linked) {
    linked_require(hl_start(&linked->options) == HL_ERROR_STATE, 1);
    linked_require(hl_is_running(), 2);
    linked_blocks(1, 72, 0); // the hooks of this program look for the next ones
    struct hl_counts before, after;
    linked_require(hl_counts_now(&before) == 0, 3);
    linked_blocks(1000, 72, 0);
    linked_require(hl_counts_now(&after) == 0, 4);
    linked_require(after.sums.allocations - before.sums.allocations == 1000, 5);
    linked_require(after.sums.frees - before.sums.frees == 1000, 6);
    linked_require(hl_mark("linked") == 0, 7);
    linked_require(hl_pause() == 0, 8);
    linked_blocks(100, 72, 0);
    linked_require(hl_resume() == 0, 9);
    hl_event(HL_KIND_ALLOC, 0x1000, 1000, hl_stack_here());
    return 0;
}
