// SPDX-License-Identifier: Apache-2.0
//
// See address_space.h. Left out of the areas: devices, whose memory may change when it is looked at; and files that are mapped shared,
// the recorder's buffers among them: what outlives the process holds no addresses of it.

#include "address_space.h"

#include <fcntl.h>
#include <string.h>

static int starts_with(const char *text, const char *prefix) {
    return !strncmp(text, prefix, strlen(prefix));
}

// The kind of a writable mapping, 0 for one to be left out.
static uint32_t kind_of(const char *path, int is_shared) {
    if (!*path || starts_with(path, "[anon")) return HL_AREA_ANONYMOUS;
    if (!strcmp(path, "[heap]")) return HL_AREA_HEAP;
    if (!strcmp(path, "[stack]")) return HL_AREA_STACK;
    if (starts_with(path, "/dev/zero")) return HL_AREA_ANONYMOUS;
    if (*path == '[' || is_shared) return 0;
    if (starts_with(path, "/dev/") && !starts_with(path, "/dev/shm/")) return 0;
    return HL_AREA_DATA;
}

static uint32_t flags_of(const char *path) {
    const char *name = strrchr(path, '/');
    return name && (starts_with(name, "/libc.so") || starts_with(name, "/libc-2")) ? HL_AREA_LIBC : 0;
}

static int add_area(struct hl_address_space *space, struct hl_image_area area) {
    if (area.start >= area.end) return 0;
    if (space->area_count == space->most) return -1;
    space->areas[space->area_count++] = area;
    return 0;
}

// Adds an area without those parts that are the recorder's.
static int add_without(struct hl_address_space *space, struct hl_image_area area, const struct hl_range *own,
                       uint32_t own_count) {
    for (uint32_t i = 0; i < own_count; i++) {
        if (own[i].end <= area.start || own[i].start >= area.end) continue;
        struct hl_image_area before = area;
        before.end = own[i].start;
        if (add_area(space, before)) return -1;
        area.start = own[i].end;
        if (area.start >= area.end) return 0;
    }
    return add_area(space, area);
}

static const char *hexadecimal(const char *text, uint64_t *value) {
    for (*value = 0;; text++) {
        unsigned digit = *text >= '0' && *text <= '9' ? (unsigned)(*text - '0')
                         : *text >= 'a' && *text <= 'f' ? (unsigned)(*text - 'a') + 10
                                                        : 16;
        if (digit == 16) return text;
        *value = *value * 16 + digit;
    }
}

// start-end rwxp offset major:minor inode   path
static int take_line(struct hl_address_space *space, const char *line, const struct hl_range *own, uint32_t own_count) {
    struct hl_image_area area = {0};
    const char *at = hexadecimal(line, &area.start);
    if (*at++ != '-') return -1;
    at = hexadecimal(at, &area.end);
    if (*at++ != ' ') return -1;
    const char *access = at;
    for (int fields = 0; fields < 4 && *at; at++) fields += *at == ' ';
    while (*at == ' ') at++;
    if (access[0] != 'r' || !strcmp(at, "[vsyscall]")) return 0;
    int is_shared = access[3] == 's';
    area.kind = access[1] == 'w' ? kind_of(at, is_shared) : 0;
    if (!is_shared || area.kind) {
        struct hl_range *last = space->target_count ? &space->targets[space->target_count - 1] : NULL;
        if (last && last->end == area.start) {
            last->end = area.end;
        } else {
            if (space->target_count == space->most) return -1;
            space->targets[space->target_count++] = (struct hl_range){area.start, area.end};
        }
    }
    if (!area.kind) return 0;
    area.flags = flags_of(at);
    return add_without(space, area, own, own_count);
}

static void sort(struct hl_range *ranges, uint32_t count) {
    for (uint32_t i = 1; i < count; i++)
        for (uint32_t j = i; j && ranges[j].start < ranges[j - 1].start; j--) {
            struct hl_range swap = ranges[j];
            ranges[j] = ranges[j - 1];
            ranges[j - 1] = swap;
        }
}

int hl_address_space_read(struct hl_address_space *space, struct hl_range *own, uint32_t own_count) {
    sort(own, own_count);
    space->area_count = space->target_count = 0;
    int file = hl_platform_open("/proc/self/maps", O_RDONLY);
    if (file < 0) return -1;
    char block[8192];
    size_t held = 0;
    int error = 0;
    int64_t got;
    while (!error && (got = hl_platform_read(file, block + held, sizeof block - 1 - held)) > 0) {
        held += (size_t)got;
        size_t done = 0;
        for (size_t i = 0; i < held && !error; i++) {
            if (block[i] != '\n') continue;
            block[i] = 0;
            error = take_line(space, block + done, own, own_count);
            done = i + 1;
        }
        if (!done && held == sizeof block - 1) error = -1; // no path is that long
        memmove(block, block + done, held - done);
        held -= done;
    }
    hl_platform_close(file);
    return error || !space->area_count ? -1 : 0;
}
