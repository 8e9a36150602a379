// SPDX-License-Identifier: Apache-2.0
//
// The slow side of a heap's lock: recursion and waiting.

#include "lock.h"

_Thread_local char hl_lock_self __attribute__((tls_model("initial-exec")));

// Spins before the port is asked to wait: about a microsecond, the length of a long heap operation.
enum { HL_LOCK_SPINS = 64 };

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void hl_lock_acquire_slow(struct hl_lock *lock, uintptr_t self, const struct hl_port *port) {
    // Relaxed suffices: only this thread ever stores `self`.
    if (atomic_load_explicit(&lock->owner, memory_order_relaxed) == self) {
        lock->depth++;
        return;
    }
    for (unsigned spins = 0;; spins++) {
        uintptr_t expected = 0;
        if (atomic_load_explicit(&lock->owner, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_weak_explicit(&lock->owner, &expected, self,
                                                  memory_order_acquire, memory_order_relaxed)) {
            lock->depth = 1;
            return;
        }
        if (spins < HL_LOCK_SPINS)
            pause_briefly();
        else
            port->wait(port->context);
    }
}
