// SPDX-License-Identifier: Apache-2.0
//
// linked BACKEND TRACE: a program that links the recorder without the hooks and records an allocator of its own: blocks out of one
// array, never malloc. Under TRACE.counted the same is done in mode count. Exit status 0 when every call did what its
// header says. Exact counts: 1,000 allocations of 32 bytes and 500 frees here; 3 blocks of 100 bytes by a task named
// "worker"; one allocation that failed.

#include "heapline.h"

#include <stdio.h>
#include <string.h>

static char memory[1000 * 32];

__attribute__((noinline)) static void *take(int index) {
    void *block = memory + index * 32;
    hl_event(HL_KIND_ALLOC, (uintptr_t)block, 32, hl_stack_here());
    return block;
}

static int record(struct hl_options options, const char *trace) {
    struct hl_counts counts;
    if (hl_is_running() || hl_counts_now(&counts) != HL_ERROR_STATE || hl_pause() != HL_ERROR_STATE) return 1;
    if (hl_start(&options) != 0) {
        fputs(hl_last_problem(), stderr);
        return 2;
    }
    if (hl_start(&options) != HL_ERROR_STATE || !hl_is_running() || !hl_process_path()) return 3;
    uint32_t task = hl_task_index();
    hl_note_thread_named(task, 77, 1, "worker");
    uint64_t pcs[] = {0x1000, 0x2000, 0x3000};
    for (uint64_t i = 0; i < 3; i++)
        hl_event_of_thread(HL_KIND_ALLOC, 0x10000 + i * 256, 100, hl_stack_of(pcs, 3), task);
    for (int i = 0; i < 1000; i++) {
        void *block = take(i);
        if (i % 2) hl_event(HL_KIND_FREE, (uintptr_t)block, 0, 0);
    }
    hl_event(HL_KIND_ALLOC_FAIL, 0, 1 << 20, 0);
    hl_event((enum hl_kind)99, 1, 1, 0); // no such kind: left out
    hl_mark("done");
    if (hl_counts_now(&counts) != 0 || counts.sums.allocations != 1003 || counts.sums.frees != 500 ||
        counts.sums.bytes != 32300 || counts.sums.failures != 1)
        return 4;
    if (hl_discard() != HL_ERROR_STATE) return 5;
    if (hl_stop() != 0 || hl_stop() != HL_ERROR_STATE || hl_is_running()) return 6;
    hl_event(HL_KIND_ALLOC, 0x99000, 1, 0); // after the end: left out
    if (hl_snapshot(trace) != 0) return 7;
    if (hl_discard() != 0 || hl_discard() != HL_ERROR_STATE || hl_process_path()) return 8;
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 3) return 64;
    struct hl_options options = {
        .depth = 8,
        .backend = strcmp(argv[1], "cas") ? HL_BACKEND_RSEQ : HL_BACKEND_CAS,
        .buffer_bytes = 4 << 20,
    };
    struct hl_options wrong = {.depth = 1000};
    if (hl_start(&wrong) != HL_ERROR_ARGUMENT) return 10;
    if (hl_has_hooks()) return 11;
    int failed = record(options, argv[2]);
    if (failed) return failed;
    char counted[4096];
    snprintf(counted, sizeof counted, "%s.counted", argv[2]);
    options.mode = HL_MODE_COUNT;
    failed = record(options, counted);
    return failed ? failed + 20 : 0;
}
