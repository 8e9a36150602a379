// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into every run, untraced ones as well: says what the traced process itself took, which from outside cannot be told
// from what a tracer's helpers took. At its end the process writes one line to $PERF_METER/PID:
//   wall_ns user_ns system_ns peak_kib program
// Nothing here allocates. The peak is this program's own (VmHWM): getrusage's counts what came before exec as well.

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t began;
static char folder[256];

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static unsigned long long ns(struct timeval time) {
    return (unsigned long long)time.tv_sec * 1000000000u + (unsigned long long)time.tv_usec * 1000u;
}

__attribute__((constructor(101))) static void begin(void) {
    const char *wanted = getenv("PERF_METER");
    if (wanted) snprintf(folder, sizeof folder, "%s", wanted);
    began = now();
}

static long peak_kib(void) {
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got < 0 ? 0 : got] = 0;
    const char *line = strstr(text, "VmHWM:");
    return line ? strtol(line + 6, NULL, 10) : 0;
}

__attribute__((destructor(101))) static void end(void) {
    if (!*folder) return;
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage)) return;
    char path[300], line[512], program[256];
    ssize_t got = readlink("/proc/self/exe", program, sizeof program - 1);
    program[got < 0 ? 0 : got] = 0;
    const char *name = strrchr(program, '/');
    snprintf(path, sizeof path, "%s/%d", folder, (int)getpid());
    int length = snprintf(line, sizeof line, "%llu %llu %llu %ld %s\n", (unsigned long long)(now() - began),
                          ns(usage.ru_utime), ns(usage.ru_stime), peak_kib(), name ? name + 1 : "?");
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return;
    if (length > 0 && write(fd, line, (size_t)length) < 0) unlink(path);
    close(fd);
}
