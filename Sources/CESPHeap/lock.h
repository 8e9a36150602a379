// SPDX-License-Identifier: Apache-2.0
//
// The lock of one heap: a recursive spin lock, as on the chip. Owned by a thread; a waiter spins
// shortly, then lets the port wait. Read heapline_port.h first.

#ifndef HL_LOCK_H
#define HL_LOCK_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/single_threaded.h>

#include "heapline_port.h"

// Invariant: owner == 0 <=> depth == 0. `depth` is only touched by the owner.
struct hl_lock {
    _Atomic uintptr_t owner; // 0, or the address of a variable of the owning thread
    uint32_t depth;
};

extern _Thread_local char hl_lock_self __attribute__((tls_model("initial-exec")));

void hl_lock_acquire_slow(struct hl_lock *lock, uintptr_t self, const struct hl_port *port);

static inline void hl_lock_acquire(struct hl_lock *lock, const struct hl_port *port) {
    uintptr_t self = (uintptr_t)&hl_lock_self;
    uintptr_t free_owner = 0;
    // A process with one thread needs no atomic instruction (glibc's malloc does the same); the
    // word is written all the same, so a thread started while the lock is held finds it held.
    if (__libc_single_threaded && atomic_load_explicit(&lock->owner, memory_order_relaxed) == 0) {
        atomic_store_explicit(&lock->owner, self, memory_order_relaxed);
        lock->depth = 1;
        return;
    }
    // Acquire: pairs with the release in hl_lock_release, so the heap is seen as the last owner
    // left it.
    if (atomic_compare_exchange_strong_explicit(&lock->owner, &free_owner, self,
                                                memory_order_acquire, memory_order_relaxed)) {
        lock->depth = 1;
        return;
    }
    hl_lock_acquire_slow(lock, self, port);
}

static inline void hl_lock_release(struct hl_lock *lock) {
    if (--lock->depth == 0) {
        // Release: pairs with the acquire of the next owner.
        atomic_store_explicit(&lock->owner, 0, memory_order_release);
    }
}

#endif
