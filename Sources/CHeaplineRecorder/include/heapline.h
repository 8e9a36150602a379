// SPDX-License-Identifier: Apache-2.0
//
// Heapline's recorder as a library, for C11 and C++17: start it, steer it, feed it allocations of your own, and save
// what it holds. With CHeaplineHooks linked too, malloc and its family are recorded by themselves; under
// `heapline run` (or LD_PRELOAD) all these functions steer the recorder that is already there, so there is
// never more than one. Every function may be called from any thread; those marked "signal-safe" from a handler as well.
// None ends or blocks the program, except where `on_full` says block.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "heapline_format.h"

#if defined(__cplusplus)
extern "C" {
#endif

// What functions return: 0, or one of these.
enum hl_error {
    HL_ERROR_STATE = -1,       // not started, or started already
    HL_ERROR_ARGUMENT = -2,    // an option has no such value
    HL_ERROR_SYSTEM = -3,      // the system refused memory or files: hl_last_problem() says what
    HL_ERROR_UNSUPPORTED = -4, // cannot be had here (rseq backend without rseq)
};

// How to record. Zero in a field means its default.
struct hl_options {
    enum hl_mode mode;          // default HL_MODE_ALL
    int32_t depth;              // frames of each stack, 0 to 512; -1 is the default, 32
    enum hl_on_full on_full;    // default HL_ON_FULL_BLOCK with a collector; without, buffers grow first
    enum hl_backend backend;    // default: rseq where it is there
    uint64_t sample_bytes;      // mode sample: mean bytes between samples; default 512 KiB
    uint64_t buffer_bytes;      // default 16 MiB with a collector, 1 GiB of file without
    int32_t free_stacks;        // 1: frees record their stacks too
    int32_t maps;               // 1: mmap, munmap, mremap and brk are recorded too (hooks)
    const char *_Nullable directory; // session directory; default: a new one in /dev/shm or $TMPDIR
    uint32_t source;            // enum hl_source
    int32_t verdicts;           // 1: at the end the program's memory is searched for what leads to its live blocks (hl_dump)
    uint64_t verdict_bytes;     // the most memory to search; default 4 GiB
};

// Starts recording this process. HL_ERROR_STATE when it runs already, as it does under `heapline run`. After hl_stop() it
// can be started again, for a recording of its own. A child that is forked is not recorded: it may call hl_start() itself.
int hl_start(const struct hl_options *_Nullable options);
// Stops; what was recorded stays readable until hl_discard(), the next hl_start(), or the process ends. Signal-safe.
int hl_stop(void);
// Leaves out what happens until hl_resume(). Signal-safe.
int hl_pause(void);
int hl_resume(void);
// Changes the depth of stacks captured from now on; at most the depth given at the start. Signal-safe.
int hl_set_depth(int32_t depth);
// Puts a named point in time into the trace. Signal-safe.
int hl_mark(const char *_Nonnull text);
// Exact sums so far. Signal-safe.
int hl_counts_now(struct hl_counts *_Nonnull counts);
// Writes a trace of everything that is still in the buffers to `path`: all since the start when nobody drains them, the newest
// part with HL_ON_FULL_OVERWRITE. Recording may go on meanwhile; a trace of a moment at which other threads were in the
// middle of an event says that its sums are not final.
int hl_snapshot(const char *_Nonnull path);
// Has the program's memory searched now for what leads to its live blocks; the trace then tells them apart. The other threads stand
// still meanwhile, about a second for each GiB. Needs a collector, and mode all. Signal-safe.
int hl_dump(void);
// Deletes the session's files, and what was recorded, after hl_stop().
int hl_discard(void);
// The process file, for a collector in the same process; NULL before hl_start().
const char *_Nullable hl_process_path(void);
// Leaves out everything the calling thread does (1), or not any more (0); before hl_start() as well.
void hl_ignore_this_thread(int ignore);
// What went wrong last, in words; "" when nothing did.
const char *_Nonnull hl_last_problem(void);
// 1 when malloc and its family are recorded by themselves: CHeaplineHooks is linked in, or the preloaded library is there.
int hl_has_hooks(void);
// 1 when recording was started and not stopped, by whomever.
int hl_is_running(void);

// For allocators of your own, and for emulators. Signal-safe. `stack` is what hl_stack_here() or hl_stack_of() gave.
uint32_t hl_stack_here(void);
uint32_t hl_stack_of(const uint64_t *_Nonnull pcs, uint32_t count); // inner to outer
void hl_event(enum hl_kind kind, uint64_t address, uint64_t size, uint32_t stack);
void hl_event_of_thread(enum hl_kind kind, uint64_t address, uint64_t size, uint32_t stack,
                        uint32_t thread);
// A new thread index for a task of an emulated chip; `name` may be noted again when it changes.
uint32_t hl_task_index(void);
int hl_note_thread_named(uint32_t thread, uint32_t tid, int32_t core, const char *_Nonnull name);
int hl_note_bytes(enum hl_note_kind kind, const void *_Nullable fixed, size_t fixed_bytes,
                  const void *_Nullable text, size_t text_bytes);

#if defined(__cplusplus)
}
#endif
