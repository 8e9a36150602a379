// SPDX-License-Identifier: Apache-2.0
//
// fork N DEPTH: a chain of DEPTH forked children, each process allocates N blocks before its fork (which its child inherits) and N after:
//   (DEPTH + 1) processes with 2 * N, 2 * N, …, N allocations of their own (the last has no fork to allocate after).
// vfork N: N allocations, a vfork and exec of `victim loop N`, N more.
// exec N TIMES: N allocations, then executes itself with TIMES - 1, until 0: TIMES + 1 images with N each.

#include "victim.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void allocate(long n) {
    for (long i = 0; i < n; i++) victim_allocate(40);
}

int victim_fork(int argc, char **argv) {
    long n = victim_number(argc, argv, 2, 10), depth = victim_number(argc, argv, 3, 3);
    for (;;) {
        allocate(n);
        if (depth-- == 0) return 0;
        pid_t child = fork();
        if (child < 0) return 1;
        if (child == 0) continue;
        allocate(n);
        int status;
        return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
    }
}

int victim_vfork(int argc, char **argv) {
    long n = victim_number(argc, argv, 2, 10);
    allocate(n);
    char *arguments[] = {argv[0], "loop", argc > 2 ? argv[2] : "10", NULL};
    pid_t child = vfork();
    if (child == 0) {
        execv("/proc/self/exe", arguments);
        _exit(127);
    }
    allocate(n);
    int status;
    return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}

int victim_exec(int argc, char **argv) {
    long n = victim_number(argc, argv, 2, 10), times = victim_number(argc, argv, 3, 3);
    allocate(n);
    if (times == 0) return 0;
    char count[24], left[24];
    snprintf(count, sizeof count, "%ld", n);
    snprintf(left, sizeof left, "%ld", times - 1);
    char *arguments[] = {argv[0], "exec", count, left, NULL};
    execv("/proc/self/exe", arguments);
    return 1;
}
