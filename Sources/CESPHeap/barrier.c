// SPDX-License-Identifier: Apache-2.0
//
// See barrier.h.

#include "barrier.h"

#include <linux/membarrier.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { UNKNOWN, AVAILABLE, MISSING };

bool hl_barrier_is_available(void) {
    static _Atomic int state;
    // Relaxed: registering twice does no harm.
    int known = atomic_load_explicit(&state, memory_order_relaxed);
    if (known == UNKNOWN) {
        known = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 ? AVAILABLE : MISSING;
        atomic_store_explicit(&state, known, memory_order_relaxed);
    }
    return known == AVAILABLE;
}

void hl_barrier_for_all(void) {
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}
