// SPDX-License-Identifier: Apache-2.0
//
// See options.h. An unknown or senseless value falls back to the default: `heapline run` checks them where it can
// complain, and here nobody may be disturbed.

#include "options.h"
#include "platform.h"

#include <string.h>

extern char **environ;

// The environment as the kernel gave it, for the time before libc has set `environ`.
static int get_from_kernel(const char *name, char *value, size_t bytes) {
    int fd = hl_platform_open("/proc/self/environ", 0);
    if (fd < 0) return 0;
    size_t wanted = strlen(name), at = 0, length = 0;
    int matching = 1, inside = 0, found = 0;
    char block[1024];
    int64_t got;
    while (!found && (got = hl_platform_read(fd, block, sizeof block)) > 0) {
        for (int64_t i = 0; i < got; i++) {
            char c = block[i];
            if (inside) {
                if (length < bytes - 1 && c) value[length++] = c;
                if (!c) {
                    found = 1;
                    break;
                }
            } else if (!c) {
                at = 0;
                matching = 1;
            } else if (matching && at == wanted && c == '=') {
                inside = 1;
            } else {
                matching = matching && at < wanted && name[at] == c;
                at++;
            }
        }
    }
    hl_platform_close(fd);
    value[length] = 0;
    return inside;
}

int hl_environment_get(const char *name, char *value, size_t bytes) {
    value[0] = 0;
    if (!environ) return get_from_kernel(name, value, bytes);
    size_t length = strlen(name);
    for (char **entry = environ; *entry; entry++) {
        if (strncmp(*entry, name, length) || (*entry)[length] != '=') continue;
        strncpy(value, *entry + length + 1, bytes - 1);
        value[bytes - 1] = 0;
        return 1;
    }
    return 0;
}

static int number(const char *name, uint64_t *value) {
    char text[32];
    if (!hl_environment_get(name, text, sizeof text) || !*text) return 0;
    *value = 0;
    for (char *c = text; *c; c++) {
        if (*c < '0' || *c > '9') return 0;
        *value = *value * 10 + (uint64_t)(*c - '0');
    }
    return 1;
}

static int choice(const char *name, const char *const names[], int count) {
    char text[32];
    if (!hl_environment_get(name, text, sizeof text)) return -1;
    for (int i = 0; i < count; i++)
        if (!strcmp(text, names[i])) return i;
    return -1;
}

enum hl_wish hl_options_read(struct hl_options *options, char directory[512], char output[512], int preloaded,
                             int *paused) {
    char text[32];
    uint64_t value;
    static const char *const modes[] = {"off", "count", "sample", "leaks", "all"};
    static const char *const fulls[] = {"block", "drop", "overwrite"};
    static const char *const backends[] = {"", "rseq", "cas"};
    *options = (struct hl_options){.depth = -1};
    int session = hl_environment_get("HEAPLINE_SESSION", directory, 512) && *directory;
    hl_environment_get("HEAPLINE_OUTPUT", output, 512);
    if (hl_environment_get("HEAPLINE", text, sizeof text) && !strcmp(text, "0")) return HL_WISH_OFF;
    // --no-follow: only the process that `heapline run` started itself.
    if (number("HEAPLINE_ONLY", &value) && value != hl_platform_parent_pid()) return HL_WISH_OFF;
    int mode = choice("HEAPLINE_MODE", modes, 5);
    if (mode == HL_MODE_OFF) return HL_WISH_OFF;
    if (mode > 0) options->mode = (enum hl_mode)mode;
    if (number("HEAPLINE_DEPTH", &value) && value <= 512) options->depth = (int32_t)value;
    int full = choice("HEAPLINE_ON_FULL", fulls, 3);
    if (full > 0) options->on_full = (enum hl_on_full)full;
    int backend = choice("HEAPLINE_BACKEND", backends, 3);
    if (backend > 0) options->backend = (enum hl_backend)backend;
    if (number("HEAPLINE_SAMPLE", &value)) options->sample_bytes = value;
    if (number("HEAPLINE_BUFFER", &value)) options->buffer_bytes = value;
    options->free_stacks = number("HEAPLINE_FREE_STACKS", &value) && value;
    options->maps = number("HEAPLINE_MAPS", &value) && value;
    options->verdicts = preloaded;
    if (number("HEAPLINE_VERDICTS", &value)) { // a larger number is the most bytes to search
        options->verdicts = value != 0;
        options->verdict_bytes = value > 1 ? value : 0;
    }
    *paused = number("HEAPLINE_PAUSED", &value) && value;
    return session || preloaded ? HL_WISH_RECORD : HL_WISH_NOTHING;
}
