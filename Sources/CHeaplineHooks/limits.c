// SPDX-License-Identifier: Apache-2.0
//
// Which requests for memory cannot fail. A small one fails only where something limits the process's memory or mappings: limits of
// address space or data, locked memory, or a system that promises no more than it has. All that can be asked once; the process's own
// changes come by here. Not seen: a limit set from outside while the program runs, and more than vm.max_map_count mappings.

#include "next.h"
#include "platform.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default"), noinline))

// From here on a request may be refused for its size alone: glibc's allocator has a mapping made for it, by default.
#define SMALL 131072u

static int locks_all; // mlockall(MCL_FUTURE): each new page counts against RLIMIT_MEMLOCK

// An allocator that fails for no other reason than that the kernel does: not one that fails to test the program, or has a limit of
// its own.
static int allocator_is_known(void) {
    Dl_info of_malloc, of_libc;
    if (!dladdr((void *)hl_next.malloc, &of_malloc) || !dladdr((void *)getauxval, &of_libc)) return 0;
    if (of_malloc.dli_fbase == of_libc.dli_fbase) return 1;
    const char *name = of_malloc.dli_fname ? strrchr(of_malloc.dli_fname, '/') : NULL;
    return name && strncmp(name, "/libjemalloc.so", 15) == 0;
}

// The kernel lets processes ask for more than there is: 0 is its default, 1 without any check, 2 is a strict account.
static int system_is_generous(void) {
    static int known = -1;
    char text[16];
    if (known < 0) known = hl_platform_read_file("/proc/sys/vm/overcommit_memory", text, sizeof text) > 0 && text[0] != '2';
    return known;
}

static int is_unlimited(int resource) {
    struct rlimit limits;
    return getrlimit((__rlimit_resource_t)resource, &limits) == 0 && limits.rlim_cur == RLIM_INFINITY;
}

void hl_next_limits(void) {
    int sure = !locks_all && is_unlimited(RLIMIT_AS) && is_unlimited(RLIMIT_DATA) && system_is_generous() && allocator_is_known();
    hl_next.sure_below = sure ? SMALL : 0;
}

// Before a limit changes nothing is sure any more, since another thread may meet it at once; afterwards there is another look.
static int begin_change(int resource) {
    if (resource != RLIMIT_AS && resource != RLIMIT_DATA) return 0;
    hl_next_find(); // or it would be sure of itself later
    hl_next.sure_below = 0;
    return 1;
}

#define SET_LIMIT(name, type)                                                                      \
    EXPORT int name(__rlimit_resource_t resource, const struct type *limits) {                     \
        static int (*next)(__rlimit_resource_t, const struct type *);                              \
        if (!next) *(void **)&next = dlsym(RTLD_NEXT, #name);                                      \
        int changes = begin_change((int)resource), result = next(resource, limits);                \
        if (changes) hl_next_limits();                                                             \
        return result;                                                                             \
    }
SET_LIMIT(setrlimit, rlimit)
SET_LIMIT(setrlimit64, rlimit64)

#define SET_LIMIT_OF(name, type)                                                                   \
    EXPORT int name(pid_t pid, __rlimit_resource_t resource, const struct type *limits, struct type *old) { \
        static int (*next)(pid_t, __rlimit_resource_t, const struct type *, struct type *);        \
        if (!next) *(void **)&next = dlsym(RTLD_NEXT, #name);                                      \
        int changes = limits && (pid == 0 || pid == getpid()) && begin_change((int)resource);      \
        int result = next(pid, resource, limits, old);                                             \
        if (changes) hl_next_limits();                                                             \
        return result;                                                                             \
    }
SET_LIMIT_OF(prlimit, rlimit)
SET_LIMIT_OF(prlimit64, rlimit64)

EXPORT int mlockall(int flags) {
    static int (*next)(int);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "mlockall");
    if (flags & MCL_FUTURE) { // for good: what was locked may be given up again, and costs little to watch
        locks_all = 1;
        hl_next.sure_below = 0;
    }
    return next(flags);
}
