// SPDX-License-Identifier: Apache-2.0
//
// See collector.h. The command is looked for where HEAPLINE_COLLECTOR says, else beside the folder this library lies in, which
// is how both `swift build` and an installation lay them out.

#include "collector.h"
#include "options.h"
#include "platform.h"
#include "recorder.h"

#include <dlfcn.h>
#include <string.h>

extern char **environ;

int hl_collector_start(const char *output) {
    char path[1024];
    if (!hl_environment_get("HEAPLINE_COLLECTOR", path, sizeof path)) {
        Dl_info info;
        if (!dladdr((const void *)hl_collector_start, &info) || !info.dli_fname) return -1;
        if (strlen(info.dli_fname) + 16 > sizeof path) return -1;
        strcpy(path, info.dli_fname);
        for (int up = 0; up < 2; up++) {
            char *slash = strrchr(path, '/');
            if (!slash) return -1;
            *slash = 0;
        }
        strcat(path, "/heapline");
    }
    // The collector must not be traced itself: its environment is ours without the preload and our own variables.
    char *kept[1024];
    int count = 0;
    for (char **entry = environ; entry && *entry && count < 1023; entry++)
        if (strncmp(*entry, "LD_PRELOAD=", 11) && strncmp(*entry, "HEAPLINE", 8)) kept[count++] = *entry;
    kept[count] = NULL;
    char *arguments[] = {path, "collect", "--quiet", hl_recorder.directory, "--output", (char *)output, NULL};
    if (!*output) arguments[4] = NULL;
    return hl_platform_spawn_detached(path, arguments, kept) == 0 ? 0 : -1;
}
