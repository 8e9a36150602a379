// SPDX-License-Identifier: Apache-2.0
//
// Libraries that come and go at one address: two of them, of one size, whose functions at the same offset have different
// frames. VICTIM_LIBRARIES names the directory of first.so and second.so (module_library.c).
#include "harness.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

void victim_modules(int rounds) {
    const char *directory = getenv("VICTIM_LIBRARIES");
    void *place = NULL;
    int same = 0;
    for (int i = 0; i < rounds; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s.so", directory, i % 2 == 0 ? "first" : "second");
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            exit(1);
        }
        void (*enter)(void (*)(void));
        *(void **)&enter = dlsym(library, "module_enter");
        same += place == (void *)enter;
        place = (void *)enter;
        enter(probe);
        enter(probe);
        dlclose(library);
        harness_modules_changed();
    }
    printf("modules: at the same place %d of %d times\n", same, rounds - 1);
}
