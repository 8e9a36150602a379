// SPDX-License-Identifier: Apache-2.0
//
// limited [inherited]: takes blocks of 1000 bytes until its address space is used up (a limit that it sets itself, or finds),
// then asks for more in vain by malloc, calloc and realloc; then gives all back, lifts the limit and goes on. What it got, gave back
// and did not get is written as "allocations frees failures", since where the limit is met depends on the system.

#include "victim.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static unsigned long allocations, frees, failures;

static void *note(void *block) {
    if (block) allocations++;
    else failures++;
    return block;
}

// So many bytes more than there are now.
static int limit(size_t bytes) {
    char text[64] = {0};
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0) return -1;
    close(fd);
    struct rlimit limits;
    if (getrlimit(RLIMIT_AS, &limits) != 0) return -1;
    limits.rlim_cur = strtoul(text, NULL, 10) * 4096 + bytes;
    return setrlimit(RLIMIT_AS, &limits);
}

int victim_limited(int argc, char **argv) {
    if (argc > 2 && !strcmp(argv[2], "inherited")) {
        if (limit(64u << 20) != 0) return 1; // room for a start
        execl("/proc/self/exe", argv[0], argv[1], "as", "found", (char *)NULL);
        return 1;
    }
    if (argc <= 3 && limit(4u << 20) != 0) return 1;
    void **all = NULL, **block;
    while ((block = note(malloc(1000)))) {
        *block = all;
        all = block;
    }
    for (int i = 0; i < 10; i++) {
        volatile size_t more = 900000;
        note(victim_sink = calloc(1000, 900));
        void *larger = note(realloc(all, more));
        if (larger) { // no
            frees++;
            all = larger;
        }
    }
    while (all) {
        void *next = *all;
        free(all);
        frees++;
        all = next;
    }
    struct rlimit limits;
    if (getrlimit(RLIMIT_AS, &limits) != 0) return 1;
    limits.rlim_cur = limits.rlim_max;
    if (setrlimit(RLIMIT_AS, &limits) != 0) return 1;
    for (int i = 0; i < 1000; i++) {
        free(note(victim_sink = malloc(2000)));
        frees++;
    }
    char line[100];
    int length = snprintf(line, sizeof line, "%lu %lu %lu\n", allocations, frees, failures);
    return write(1, line, (size_t)length) != length;
}
