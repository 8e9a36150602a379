// SPDX-License-Identifier: Apache-2.0
//
// The only atomic operations in use, so that every ordering fits one screen. Each use names its partner or says why
// relaxed is enough.
#pragma once

#include <stdint.h>

#define hl_load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define hl_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define hl_store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define hl_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define hl_add_relaxed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
// Exchange when *p equals *expected (acquire and release); updates *expected otherwise.
#define hl_cas(p, expected, v)                                                                     \
    __atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#define hl_exchange(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)

#define HL_HOT __attribute__((hot, always_inline)) static inline
#define HL_SLOW __attribute__((cold, noinline))
#define hl_likely(x) __builtin_expect(!!(x), 1)
#define hl_unlikely(x) __builtin_expect(!!(x), 0)

// Adds to a counter that only this thread writes, its signal handlers included: one instruction where the processor
// has one, so a handler in between is not lost. Relaxed: readers only want a recent value.
#if defined(__x86_64__)
#define hl_bump(p, v) __asm__ volatile("addq %1, %0" : "+m"(*(p)) : "er"((uint64_t)(v)) : "cc")
#else
#define hl_bump(p, v) ((void)__atomic_fetch_add((p), (uint64_t)(v), __ATOMIC_RELAXED))
#endif
