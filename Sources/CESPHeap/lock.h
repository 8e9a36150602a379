// SPDX-License-Identifier: Apache-2.0
//
// The lock of one heap: recursive, as the chip's spin lock. Owned by a thread; a waiter spins shortly, then lets the
// port wait. Read heapline_port.h first.
//
// A heap is mostly used by one thread at a time for long, so the lock is biased: to one thread it costs plain loads and
// stores, to the first other one a system call that ends the bias.
//
//     biased thread:  inside = 1 · bias still mine? go on                 the other:  bias |= 1 · barrier for all threads
//                     otherwise inside = 0 and the way of all others                  wait until inside == 0 · bias = 0
//
// The other's barrier falls between the biased thread's store and its load, or outside: so one of the two sees the
// other. All changes of `bias` are made by the holder of `owner`. A bias that was ended comes back once the same thread
// took the lock many times in a row.

#ifndef HL_LOCK_H
#define HL_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "heapline_port.h"

// Held  <=>  inside > 0 (by the biased thread)  or  owner != 0 and not about to hand on.
// bias == 0 || inside == 0 || owner == 0 or its holder waits for inside == 0.
struct hl_lock {
    _Atomic uint64_t bias;   // 0, or the thread that enters by plain stores; bit 0: it is being ended
    _Atomic uint32_t inside; // how often that thread is inside; nobody else writes it
    // Holder of `owner` only.
    uint32_t depth;          // how often it is inside
    uint32_t streak, needed; // how often in a row `last` took it; how often it must for a bias
    uint64_t last;
    _Atomic uint64_t owner; // 0, or the thread that holds it without bias
};

// The thread's number: even, never used again; 1 until it needs one, which no bias ever is.
extern _Thread_local uint64_t hl_lock_self __attribute__((tls_model("initial-exec")));

void hl_lock_acquire_slow(struct hl_lock *lock, const struct hl_port *port);
void hl_lock_release_slow(struct hl_lock *lock);

// Enters a lock that is biased to the calling thread; false when it is not, whatever the reason.
static inline __attribute__((always_inline)) bool hl_lock_enter(struct hl_lock *lock, uint64_t self) {
    // Relaxed, all of them: `bias` equals `self` only by this thread's own store, and the order of the store to `inside`
    // before the second load is made by the other side's barrier. What earlier holders wrote was seen when `bias` was set.
    if (__builtin_expect(atomic_load_explicit(&lock->bias, memory_order_relaxed) != self, 0))
        return false;
    uint32_t inside = atomic_load_explicit(&lock->inside, memory_order_relaxed);
    atomic_store_explicit(&lock->inside, inside + 1, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    if (__builtin_expect(atomic_load_explicit(&lock->bias, memory_order_relaxed) == self, 1) || inside != 0)
        return true;
    // Release: as in hl_lock_leave.
    atomic_store_explicit(&lock->inside, 0, memory_order_release);
    return false;
}

// REQUIRES: hl_lock_enter gave true.
static inline __attribute__((always_inline)) void hl_lock_leave(struct hl_lock *lock) {
    // Release: pairs with the acquire in end_bias.
    atomic_store_explicit(&lock->inside, atomic_load_explicit(&lock->inside, memory_order_relaxed) - 1,
                          memory_order_release);
}

static inline void hl_lock_acquire(struct hl_lock *lock, const struct hl_port *port) {
    uint64_t self = hl_lock_self;
    if (!hl_lock_enter(lock, self))
        hl_lock_acquire_slow(lock, port);
}

static inline void hl_lock_release(struct hl_lock *lock) {
    // Inside by its bias, a thread's bias is not taken away; inside without, nobody has one.
    if (__builtin_expect((atomic_load_explicit(&lock->bias, memory_order_relaxed) & ~(uint64_t)1) == hl_lock_self, 1))
        hl_lock_leave(lock);
    else
        hl_lock_release_slow(lock);
}

#endif
