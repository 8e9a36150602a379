// SPDX-License-Identifier: Apache-2.0
//
// Threads come and go; see thread.h.

#include "thread.h"
#include "clock.h"
#include "notes.h"
#include "overhead.h"
#include "platform.h"
#include "world.h"

#include <pthread.h>
#include <string.h>

__thread struct hl_thread *hl_thread_self;
static __thread uint32_t own_index; // outlives hl_thread_self; index + 1

static pthread_key_t key;
static int have_key;
static struct hl_thread *all_threads;  // guarded by free_lock
static struct hl_thread *free_threads; // guarded by free_lock, taken only with signals blocked
static uint32_t free_lock;
static char *pool;
static size_t pool_left;
#define POOL_BYTES 65536u

// Stands in while a thread's state is being made: events meanwhile are the recorder's own.
static struct hl_thread entering = {.skip = HL_SKIP_IGNORED};
// Stands in after a thread's state was given back, or for a thread that is ignored and never needed one: its events take
// the slow way, hl_record_skipped().
static __thread struct hl_thread limbo;

extern void *__libc_stack_end __attribute__((weak));

// The stack of this thread, as far as it is sure to be readable. pthread_getattr_np would know, but holds the thread's lock
// while it allocates: a program that calls it in a new thread would find us waiting for that very lock.
static void stack_bounds(uintptr_t *low, uintptr_t *high) {
    *low = *high = 0;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0), page = here & ~(uintptr_t)4095;
    if (hl_platform_tid() == hl_platform_pid()) {
        if (!&__libc_stack_end || !__libc_stack_end) return;
        *high = (uintptr_t)__libc_stack_end;
        uint64_t limit = hl_platform_main_stack_limit();
        *low = *high > limit ? *high - limit : 4096;
    } else {
        *high = (uintptr_t)__builtin_thread_pointer(); // glibc keeps a thread's control block at its stack's top
        *low = page - 4096u * (uintptr_t)hl_platform_readable_below(page, 64);
    }
    if (here < *low || here >= *high || *high - here > (1u << 30)) *low = *high = 0; // on another stack just now
}

static void lock(void) {
    while (hl_exchange(&free_lock, 1u)) hl_platform_yield();
}
static void unlock(void) {
    hl_store_release(&free_lock, 0u); // pairs with the exchange in lock()
}

// A state, all zero but for what outlives its owners: its place in the list and its memo's memory.
static struct hl_thread *take(void) {
    lock();
    struct hl_thread *thread = free_threads;
    if (thread) {
        free_threads = thread->next_free;
        *thread = (struct hl_thread){
            .next = thread->next, .memo_memory = thread->memo_memory, .memo_depth = thread->memo_depth};
    } else {
        if (pool_left < sizeof *thread) {
            pool = hl_platform_map(POOL_BYTES);
            pool_left = pool ? POOL_BYTES : 0;
        }
        if (pool) {
            thread = (struct hl_thread *)pool;
            pool += sizeof *thread;
            pool_left -= sizeof *thread;
            thread->next = all_threads;
            all_threads = thread;
        }
    }
    unlock();
    return thread;
}

static void give_back(struct hl_thread *thread) {
    lock();
    thread->next_free = free_threads;
    free_threads = thread;
    unlock();
}

// A slot for exact counts.
static struct hl_thread_counts *take_counts(uint32_t index) {
    struct hl_thread_counts *slots = (struct hl_thread_counts *)(hl_recorder.base + HL_THREADS_OFFSET);
    for (uint32_t i = 0; i < HL_MAX_THREAD_SLOTS; i++) {
        uint32_t nobody = 0;
        if (i % 64 == 0 && hl_recorder_populate(HL_THREADS_OFFSET + i * sizeof *slots, 4096) != 0) return NULL;
        // Of each 64 first every other one: processors fetch cache lines in pairs, and each thread's is written at each event.
        struct hl_thread_counts *slot = &slots[i / 64 * 64 + i % 64 * 2 % 64 + i % 64 / 32];
        if (hl_load_relaxed(&slot->thread) == 0 && hl_cas(&slot->thread, &nobody, index + 1)) {
            hl_store_relaxed(&slot->used, 1u); // only ends the search for more slots
            return slot;
        }
    }
    return NULL;
}

static void retire_counts(struct hl_thread_counts *counts) {
    struct hl_thread_counts *retired = &hl_recorder.process->retired;
    // Relaxed: sums are exact once the thread is gone; a reader in between may see a moment's double count.
    hl_add_relaxed(&retired->allocations, counts->allocations);
    hl_add_relaxed(&retired->frees, counts->frees);
    hl_add_relaxed(&retired->reallocations, counts->reallocations);
    hl_add_relaxed(&retired->bytes, counts->bytes);
    hl_add_relaxed(&retired->failures, counts->failures);
    memset(counts, 0, offsetof(struct hl_thread_counts, thread));
    hl_store_release(&counts->thread, 0u); // pairs with the exchange in take_counts()
}

static void on_thread_end(void *value) {
    struct hl_thread *thread = value;
    if (thread != hl_thread_self) return;
    // Other destructors may still allocate: ask to be called in the next round, up to the last but one.
    if (++thread->endings < 4 && pthread_setspecific(key, thread) == 0) return;
    struct hl_quiet quiet = hl_quiet_begin();
    if (!(hl_load_relaxed(&thread->skip) & HL_SKIP_STALE)) { // it has done nothing in the recording that runs now
        hl_thread_note_name(thread);
        hl_note_append(HL_NOTE_THREAD_END, &thread->index, sizeof thread->index, NULL, 0);
    }
    if (thread->counts) retire_counts(thread->counts);
    thread->counts = NULL;
    limbo = (struct hl_thread){.index = thread->index, .skip = HL_SKIP_LIMBO};
    hl_thread_self = &limbo;
    hl_world_thread_ends((uintptr_t)__builtin_thread_pointer());
    give_back(thread);
    quiet.self = NULL;
    hl_quiet_end(quiet);
}

int hl_threads_start(void) {
    if (!have_key) have_key = pthread_key_create(&key, on_thread_end) == 0;
    return 0;
}

void hl_threads_forked(void) {
    free_lock = 0;
    free_threads = all_threads = NULL;
    pool = NULL;
    pool_left = 0;
    struct hl_thread *self = hl_thread_self;
    if (self && self != &entering && self != &limbo) hl_thread_self = NULL; // made anew at its next event, which is now
    own_index = 0;
}

static uint32_t name_hash(const char name[16]) {
    uint32_t hash = 2166136261u;
    for (int i = 0; i < 16 && name[i]; i++) hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    return hash;
}

void hl_thread_note_name(struct hl_thread *thread) {
    char name[16];
    hl_platform_thread_name(name);
    uint32_t hash = name_hash(name);
    if (hash == thread->noted_name) return;
    thread->noted_name = hash;
    struct hl_note_thread note = {.thread = thread->index, .tid = hl_platform_tid(), .core = -1};
    hl_note_append(HL_NOTE_THREAD, &note, sizeof note, name, strlen(name));
}

// Index, slot, memo and name for the recording that runs now. 0 when they could be had.
static int prepare(struct hl_thread *thread) {
    uintptr_t low, high;
    stack_bounds(&low, &high);
    thread->index = own_index ? own_index - 1 : hl_add_relaxed(&hl_recorder.next_thread, 1u); // only unique
    own_index = thread->index + 1;
    if (!thread->counts) thread->counts = take_counts(thread->index);
    size_t memo_bytes = (hl_stack_memo_bytes(hl_recorder.max_depth) + 4095) & ~(size_t)4095;
    if (!thread->memo_memory || thread->memo_depth < hl_recorder.max_depth) {
        thread->memo_memory = hl_platform_map(memo_bytes);
        thread->memo_depth = hl_recorder.max_depth;
        if (!thread->memo_memory) return -1;
    } else {
        memset(thread->memo_memory, 0, memo_bytes);
    }
    thread->memo = hl_stack_memo_make(thread->memo_memory, hl_recorder.max_depth, low, high);
    thread->random = hl_clock_counter() * 0x9e3779b97f4a7c15u | 1;
    thread->noted_name = 0;
    hl_thread_note_name(thread);
    thread->early_left = 0;
    hl_timing_first(thread);
    return thread->counts ? 0 : -1;
}

HL_SLOW struct hl_thread *hl_thread_enter(void) {
    uint64_t start = hl_clock_counter();
    struct hl_quiet quiet = hl_quiet_begin();
    hl_thread_self = &entering;
    struct hl_thread *thread = take();
    if (thread && prepare(thread) != 0) {
        give_back(thread);
        thread = NULL;
    }
    hl_world_thread_begins((uintptr_t)__builtin_thread_pointer());
    if (thread && have_key) pthread_setspecific(key, thread);
    if (!thread) hl_recorder_give_up("no memory or slot for a thread's state");
    hl_thread_self = thread;
    hl_overhead_own(start);
    quiet.self = NULL;
    hl_quiet_end(quiet);
    return thread;
}

void hl_thread_renew(struct hl_thread *thread) {
    struct hl_quiet quiet = hl_quiet_begin();
    __atomic_fetch_and(&thread->skip, ~(HL_SKIP_STALE | HL_SKIP_TIMED), __ATOMIC_RELAXED); // own thread; the lock orders the rest
    if (prepare(thread) != 0) hl_recorder_give_up("no slot for a thread's counts");
    hl_quiet_end(quiet);
}

void hl_threads_renewed(const char *old_base) {
    struct hl_thread_counts *slots = (struct hl_thread_counts *)(hl_recorder.base + HL_THREADS_OFFSET);
    const struct hl_thread_counts *old = (const struct hl_thread_counts *)(old_base + HL_THREADS_OFFSET);
    lock();
    for (struct hl_thread *thread = all_threads; thread; thread = thread->next) {
        if (!thread->counts) continue; // it has ended
        __atomic_fetch_or(&thread->skip, HL_SKIP_STALE, __ATOMIC_RELAXED); // seen at the thread's next event
        size_t slot = (size_t)(thread->counts - old);
        if (hl_recorder_populate(HL_THREADS_OFFSET, (slot / 64 + 1) * 4096) != 0) break;
        slots[slot].used = 1;
        // Who reads the sums goes on to the next 64 slots when the last one of 64 was used.
        for (size_t last = 63; last < slot; last += 64) slots[last].used = 1;
        hl_store_relaxed(&slots[slot].thread, thread->index + 1); // nobody takes slots before the gate opens
        thread->counts = &slots[slot];
    }
    unlock();
}

void hl_thread_ignore(int ignore) {
    struct hl_thread *self = hl_thread_self;
    // Without a state, the stand-in has the mark: a thread that is to be left out from its start needs none.
    if (!self && ignore) {
        limbo = (struct hl_thread){.skip = HL_SKIP_IGNORED};
        hl_thread_self = &limbo;
    } else if (self == &limbo && !ignore && limbo.skip == HL_SKIP_IGNORED) {
        hl_thread_self = NULL;
    } else if (self && self != &entering) {
        // Relaxed: only this thread looks at it.
        if (ignore) __atomic_fetch_or(&self->skip, HL_SKIP_IGNORED, __ATOMIC_RELAXED);
        else __atomic_fetch_and(&self->skip, ~HL_SKIP_IGNORED, __ATOMIC_RELAXED);
    }
}

struct hl_quiet hl_quiet_begin(void) {
    struct hl_quiet quiet = {.signals = hl_platform_block_signals(), .self = hl_thread_self};
    if (quiet.self && quiet.self != &entering) hl_add_relaxed(&quiet.self->skip, 1u); // own thread, see skip
    return quiet;
}

void hl_quiet_end(struct hl_quiet quiet) {
    if (quiet.self && quiet.self != &entering) hl_add_relaxed(&quiet.self->skip, -1u); // as above
    hl_platform_restore_signals(quiet.signals);
}
