// SPDX-License-Identifier: Apache-2.0
//
// glibc's mtrace must be asked for by the program: preloaded, this asks for it.

#include <mcheck.h>

__attribute__((constructor)) static void begin(void) {
    mtrace();
}
