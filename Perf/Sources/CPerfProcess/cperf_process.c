// SPDX-License-Identifier: Apache-2.0
//
// See cperf_process.h. The command leads a session of its own, so that all its descendants can be found and ended; this process
// adopts orphans, so that their time is counted as well.

#include "cperf_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t cperf_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t cperf_cpu_ns(int32_t pid) {
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    size_t got = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[got] = 0;
    char *rest = strrchr(line, ')'); // the name may hold anything
    unsigned long long user = 0, system = 0;
    if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2) return 0;
    return (uint64_t)(user + system) * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

static uint64_t pss_of(const char *pid) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%.20s/smaps_rollup", pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    unsigned long long kib = 0;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "Pss: %llu kB", &kib) == 1) break;
    fclose(file);
    return (uint64_t)kib * 1024;
}

// Proportional set sizes of the session's processes and of the daemons.
static uint64_t pss_of_session(pid_t session, const struct cperf_command *command) {
    uint64_t sum = 0;
    DIR *folder = opendir("/proc");
    if (!folder) return 0;
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        int pid = atoi(entry->d_name);
        if (pid <= 0) continue;
        int mine = getsid(pid) == session;
        for (uint32_t i = 0; i < command->daemon_count; i++) mine |= command->daemons[i] == pid;
        if (mine) sum += pss_of(entry->d_name);
    }
    closedir(folder);
    return sum;
}

static void end_session(pid_t session) {
    DIR *folder = opendir("/proc");
    if (!folder) return;
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        int pid = atoi(entry->d_name);
        if (pid > 0 && getsid(pid) == session) kill(pid, SIGKILL);
    }
    closedir(folder);
}

// errno travels through a pipe that exec closes.
static pid_t spawn(const struct cperf_command *command, int *error) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return *error = errno, -1;
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        signal(SIGPIPE, SIG_DFL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (command->memory_bytes) {
            struct rlimit limit = {command->memory_bytes, command->memory_bytes};
            setrlimit(RLIMIT_AS, &limit);
        }
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        int input = open(command->input ? command->input : "/dev/null", O_RDONLY);
        int output = open(command->output, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        if (input >= 0 && output >= 0 && chdir(command->folder) == 0) {
            dup2(input, 0);
            dup2(output, 1);
            dup2(output, 2);
            execve(command->arguments[0], (char *const *)command->arguments, (char *const *)command->environment);
        }
        int failure = errno;
        if (write(ends[1], &failure, sizeof failure) < 0) _exit(126);
        _exit(127);
    }
    *error = pid < 0 ? errno : 0;
    close(ends[1]);
    if (pid > 0 && read(ends[0], error, sizeof *error) == (ssize_t)sizeof *error) waitpid(pid, NULL, 0);
    close(ends[0]);
    return *error ? -1 : pid;
}

static uint64_t ns(struct timeval time) {
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

int cperf_run(const struct cperf_command *command, struct cperf_usage *usage) {
    *usage = (struct cperf_usage){0};
    int error = 0;
    uint64_t began = cperf_now_ns();
    pid_t pid = spawn(command, &error);
    if (pid < 0) return error;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    for (;;) {
        uint64_t spent = cperf_now_ns() - began;
        if (spent >= command->timeout_ns) {
            usage->timed_out = 1;
            end_session(pid);
            break;
        }
        uint64_t wait = command->timeout_ns - spent;
        if (command->sample_ns && command->sample_ns < wait) wait = command->sample_ns;
        struct pollfd end = {.fd = fd, .events = POLLIN};
        if (poll(&end, 1, (int)(wait / 1000000u) + 1) > 0) break;
        if (command->sample_ns) {
            uint64_t sum = pss_of_session(pid, command);
            if (sum > usage->peak_bytes) usage->peak_bytes = sum;
        }
    }
    usage->wall_ns = cperf_now_ns() - began;
    if (fd >= 0) close(fd);
    struct rusage used;
    if (wait4(pid, &usage->status, 0, &used) == pid) {
        usage->user_ns = ns(used.ru_utime);
        usage->system_ns = ns(used.ru_stime);
    }
    end_session(pid); // what it left behind in its session ends now
    int status;
    pid_t orphan;
    while ((orphan = wait4(-1, &status, WNOHANG, &used)) > 0) {
        usage->user_ns += ns(used.ru_utime);
        usage->system_ns += ns(used.ru_stime);
    }
    return 0;
}

int32_t cperf_start(const struct cperf_command *command) {
    int error = 0;
    pid_t pid = spawn(command, &error);
    return pid < 0 ? -error : pid;
}

int cperf_wait(int32_t pid, uint64_t timeout_ns) {
    int status = 0, fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) return waitpid(pid, &status, WNOHANG) == pid ? status : -1; // reaped with the orphans
    struct pollfd end = {.fd = fd, .events = POLLIN};
    if (poll(&end, 1, (int)(timeout_ns / 1000000u)) <= 0) end_session(pid);
    close(fd);
    return waitpid(pid, &status, 0) == pid ? status : -1;
}

static inline uint64_t counter(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t value;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
    return value;
#else
#error "no counter for this processor"
#endif
}

double cperf_counter_cost_ns(void) {
    enum { READINGS = 200000, TRIES = 9 };
    double best = 1e9;
    for (int try = 0; try < TRIES; try++) {
        uint64_t began = cperf_now_ns(), sum = 0;
        for (int i = 0; i < READINGS; i++) sum += counter();
        __asm__ volatile("" : : "r"(sum));
        double cost = (double)(cperf_now_ns() - began) / (double)READINGS;
        if (cost < best) best = cost;
    }
    return best;
}
