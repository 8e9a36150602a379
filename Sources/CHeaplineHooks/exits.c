// SPDX-License-Identifier: Apache-2.0
//
// The program's end, where it can be seen from inside: after the handlers of exit(), or at _exit(). The C library's own exit()
// does not come by the hook of _exit(), hence the destructor. A program that a signal kills ends without us.

#include "dump.h"
#include "next.h"

#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default"), noinline))

#if defined(HL_PRELOAD)
__attribute__((destructor)) static void at_exit(void) {
    hl_dump_at_exit();
}

EXPORT __attribute__((noreturn)) void _exit(int status) {
    hl_dump_at_exit();
    for (;;) syscall(SYS_exit_group, status);
}

EXPORT __attribute__((noreturn)) void _Exit(int status) {
    _exit(status);
}
#endif
