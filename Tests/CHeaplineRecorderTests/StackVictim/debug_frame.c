// SPDX-License-Identifier: Apache-2.0
//
// Code whose only unwind information is .debug_frame, in a library of its own (debug_frame_library.c, built without
// .eh_frame). The C runtime cannot unwind it, so the frames are expected by their functions. VICTIM_LIBRARIES as in modules.c.
#include "harness.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define SHAPES 5

void victim_debug_frame(int rounds) {
    char path[512];
    snprintf(path, sizeof path, "%s/debug_frame.so", getenv("VICTIM_LIBRARIES"));
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    void (*enter)(void (*)(void), int);
    *(void **)&enter = dlsym(library, "debug_frame_enter");
    // Inner to outer, as debug_frame_library.c has them.
    const char *const names[SHAPES] = {"shape_saves", "shape_large", "shape_dynamic", "shape_plain", "debug_frame_enter"};
    const void *places[SHAPES + 1];
    for (int i = 0; i < SHAPES; i++) places[i] = dlsym(library, names[i]);
    places[SHAPES] = (const void *)victim_debug_frame;
    for (int i = 0; i < rounds; i++) {
        harness_expect(places, SHAPES, 1 /* HL_ROOT_COMPLETE: out to where the thread began */);
        enter(probe, 1 + (int)(harness_random() % 200));
        harness_expect(NULL, 0, 0);
    }
    dlclose(library);
    harness_modules_changed();
}
