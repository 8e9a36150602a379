// SPDX-License-Identifier: Apache-2.0
//
// What the recorder keeps for each thread. Made at the thread's first event, given back when it ends; events after that (later
// thread-local destructors, the C library's own frees) find the thread in limbo and are recorded without a stack.
#pragma once

#include "recorder.h"
#include "stack.h"

// On cache lines of its own: in mode sample the thread writes here at each allocation.
struct hl_thread {
    _Alignas(64) struct hl_thread_counts *counts; // this thread's slot in the process file; only we write it
    struct hl_stack_memo *memo;
    void *memo_memory;               // room for a memo of memo_depth frames
    uint32_t memo_depth;
    int64_t until_sample;            // bytes to the next sample
    uint64_t random;
    uint32_t index;                  // in records
    uint32_t skip;                   // != 0: not as usual (see HL_SKIP_…); changed by atomic operations only
    uint32_t skipped;                // own events that were left out because of `skip`; only to see whether there are any
    uint32_t sampling;               // the first distance was drawn
    uint32_t endings;                // how often our key's destructor ran
    uint32_t noted_name;             // hash of the name last noted
    struct hl_thread *next_free;
    struct hl_thread *next; // all ever made
    // See overhead.h.
    uint32_t until_timed; // events that pass before one is timed
    uint32_t timed_left;  // so many more in this turn
    uint32_t early_left;  // events left of the process's first ones
    uint32_t is_timed;    // the event under way is the one
};

// Low bits count hl_quiet_begin()s: the recorder's own events.
#define HL_SKIP_IGNORED 0x10000u // hl_ignore_this_thread(1)
#define HL_SKIP_STALE 0x20000u   // another recording has begun since: ids and slots must be had anew
#define HL_SKIP_LIMBO 0x40000u   // the state was given back; only the thread-local stand-in has this
#define HL_SKIP_TIMED 0x80000u   // alone: recorded as usual, but by the slow twins, which time one (overhead.h)

extern __thread struct hl_thread *hl_thread_self __attribute__((tls_model("initial-exec"), visibility("hidden")));

// This thread's state; made if there is none. NULL while it is being made (the events are then our own).
HL_SLOW struct hl_thread *hl_thread_enter(void);
// Prepares for threads to come: once at the start.
int hl_threads_start(void);
// In a forked child: only this thread is left, and its slots and ids belong to the parent.
void hl_threads_forked(void);
// Makes a stale state fit for the recording that runs now.
void hl_thread_renew(struct hl_thread *thread);
// Another recording has been laid out in this process. Threads keep their indexes and their slots for counts, in the new file, so
// that an event that began under the recording before (whose file was mapped at `old_base`) and ends in this one is counted where
// it is recorded; names, stacks and ids are had anew.
void hl_threads_renewed(const char *old_base);
// Leaves out this thread's events (1), or not any more (0).
void hl_thread_ignore(int ignore);
// Notes the thread's name if it changed.
void hl_thread_note_name(struct hl_thread *thread);

// Between these two no signal handler runs and this thread's events are not recorded.
struct hl_quiet {
    uint64_t signals;
    struct hl_thread *self;
};
struct hl_quiet hl_quiet_begin(void);
void hl_quiet_end(struct hl_quiet quiet);
