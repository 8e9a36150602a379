// SPDX-License-Identifier: Apache-2.0
//
// The slow side of a heap's lock: recursion, waiting, and giving and ending a bias. See lock.h for the protocol.

#include "lock.h"

#include "barrier.h"

_Thread_local uint64_t hl_lock_self __attribute__((tls_model("initial-exec"))) = 1;

enum {
    // Spins before the port is asked to wait: about a microsecond, the length of a long heap operation.
    SPINS = 64,
    // Ending a bias costs some microseconds, which is what so many acquisitions without one cost more. So often in a row
    // must a thread come before it gets the next bias; up to eight times as often while biases keep being ended.
    FIRST_STREAK = 2048,
    LONGEST_STREAK = 16384,
};

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void wait_once(unsigned *spins, const struct hl_port *port) {
    if ((*spins)++ < SPINS)
        pause_briefly();
    else
        port->wait(port->context);
}

// REQUIRES: the caller holds `owner`, and another thread has the bias.
static void end_bias(struct hl_lock *lock, uint64_t biased, const struct hl_port *port) {
    atomic_store_explicit(&lock->bias, biased | 1, memory_order_seq_cst);
    hl_barrier_for_all();
    // Acquire: pairs with the release in hl_lock_leave, so the heap is seen as the biased thread left it.
    for (unsigned spins = 0; atomic_load_explicit(&lock->inside, memory_order_acquire) != 0;)
        wait_once(&spins, port);
    atomic_store_explicit(&lock->bias, 0, memory_order_relaxed);
    lock->streak = 0;
    if (lock->needed == 0)
        lock->needed = FIRST_STREAK;
    else if (lock->needed < LONGEST_STREAK)
        lock->needed *= 2;
}

// REQUIRES: the caller holds `owner`, and nobody has a bias. Whether the caller has one now, and is inside by it.
static bool give_bias(struct hl_lock *lock, uint64_t self) {
    if (lock->last != self) {
        lock->last = self;
        lock->streak = 0;
    }
    if (lock->streak++ < lock->needed || !hl_barrier_is_available())
        return false;
    // Relaxed: this thread sees its own stores; any other one looks at them holding `owner`.
    atomic_store_explicit(&lock->inside, 1, memory_order_relaxed);
    atomic_store_explicit(&lock->bias, self, memory_order_relaxed);
    return true;
}

static uint64_t own_number(void) {
    static _Atomic uint64_t given;
    // Relaxed: only that no two are the same.
    if (hl_lock_self == 1)
        hl_lock_self = atomic_fetch_add_explicit(&given, 2, memory_order_relaxed) + 2;
    return hl_lock_self;
}

void hl_lock_acquire_slow(struct hl_lock *lock, const struct hl_port *port) {
    uint64_t self = own_number();
    // Relaxed suffices: only this thread ever stores `self`, in either.
    if (atomic_load_explicit(&lock->owner, memory_order_relaxed) == self) {
        lock->depth++;
        return;
    }
    if (atomic_load_explicit(&lock->bias, memory_order_relaxed) == (self | 1)) {
        uint32_t inside = atomic_load_explicit(&lock->inside, memory_order_relaxed);
        if (inside != 0) { // again, while another thread waits for it to leave
            atomic_store_explicit(&lock->inside, inside + 1, memory_order_relaxed);
            return;
        }
    }
    uint64_t expected = 0;
    // Acquire: pairs with the release in hl_lock_release_slow, so the heap is seen as the last owner left it.
    for (unsigned spins = 0;
         atomic_load_explicit(&lock->owner, memory_order_relaxed) != 0 ||
         !atomic_compare_exchange_weak_explicit(&lock->owner, &expected, self, memory_order_acquire,
                                                memory_order_relaxed);
         expected = 0)
        wait_once(&spins, port);
    uint64_t biased = atomic_load_explicit(&lock->bias, memory_order_relaxed);
    if (biased != 0)
        end_bias(lock, biased, port);
    else if (give_bias(lock, self)) {
        // Release: as in hl_lock_release_slow.
        atomic_store_explicit(&lock->owner, 0, memory_order_release);
        return;
    }
    lock->depth = 1;
}

void hl_lock_release_slow(struct hl_lock *lock) {
    if (--lock->depth == 0) {
        // Release: pairs with the acquire of the next owner.
        atomic_store_explicit(&lock->owner, 0, memory_order_release);
    }
}
