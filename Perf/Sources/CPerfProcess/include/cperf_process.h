// SPDX-License-Identifier: Apache-2.0
//
// Starts one command under a memory limit, waits for it and all it leaves behind under a time limit, and says what it took.
#pragma once

#include <stdint.h>

struct cperf_command {
    const char *const _Nullable *_Nonnull arguments; // argv, null at the end; [0] is a path
    const char *const _Nullable *_Nonnull environment;
    const char *_Nonnull folder;        // working directory
    const char *_Nonnull output;        // file for standard output and error
    const char *_Nullable input;        // file for standard input; default /dev/null
    uint64_t memory_bytes;              // limit of address space of each process; 0: none
    uint64_t timeout_ns;
    uint64_t sample_ns;                 // how often to look at memory; 0: never (looking disturbs the clock)
    const int32_t *_Nullable daemons;   // processes that belong to it though they are not its children, for memory
    uint32_t daemon_count;
};

struct cperf_usage {
    int32_t status;       // as waitpid() gives it
    int32_t timed_out;
    uint64_t wall_ns;     // from before the start to the end of the command itself
    uint64_t user_ns;     // of the command and all its descendants
    uint64_t system_ns;
    uint64_t peak_bytes;  // largest sum of proportional set sizes seen; 0 when not looked at
};

// 0, or an errno value when it could not be started.
int cperf_run(const struct cperf_command *_Nonnull command, struct cperf_usage *_Nonnull usage);
// Starts a companion outside of all measuring; its process id or -errno. cperf_wait() ends it at the latest after the time.
int32_t cperf_start(const struct cperf_command *_Nonnull command);
int cperf_wait(int32_t pid, uint64_t timeout_ns);
// CPU time of one process so far; 0 when it is gone.
uint64_t cperf_cpu_ns(int32_t pid);
uint64_t cperf_now_ns(void);
// What one reading of the processor's counter costs here, the smallest of several tries.
double cperf_counter_cost_ns(void);
