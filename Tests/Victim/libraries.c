// SPDX-License-Identifier: Apache-2.0
//
// dlopen N: N times, one of two libraries is opened and closed again, with an allocation and free in between: N of each.

#include "victim.h"

#include <dlfcn.h>
#include <stdlib.h>

int victim_dlopen(int argc, char **argv) {
    long n = victim_number(argc, argv, 2, 50);
    static const char *const names[] = {"libanl.so.1", "libresolv.so.2"};
    for (long i = 0; i < n; i++) {
        void *library = dlopen(names[i % 2], RTLD_NOW | RTLD_LOCAL);
        free(victim_allocate(104));
        if (library) dlclose(library);
    }
    return 0;
}
