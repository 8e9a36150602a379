// SPDX-License-Identifier: Apache-2.0
//
// jemalloc wants more static thread-local memory than glibc keeps for libraries loaded later. How much it keeps is settled before
// anything of this program runs, so the program starts itself anew, once, with room for it.

#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void make_room(int count, char **arguments) {
    if (count < 1 || getenv("GLIBC_TUNABLES")) return;
    if (setenv("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=65536", 1)) return;
    execv("/proc/self/exe", arguments); // where that fails, jemalloc's benchmarks say that it is not here
}
