// SPDX-License-Identifier: Apache-2.0
//
// The other end of the buffers: how a collector takes records out of a process file. The mirror of buffer_slow.c; one
// drainer at a time for each process file.
#pragma once

#include "heapline_format.h"

#if defined(__cplusplus)
extern "C" {
#endif

// How far one core has been drained. Zero to begin; hl_drain_end() gives its memory back.
struct hl_drain {
    uint32_t *_Nullable pending; // segments not yet wholly taken, oldest first
    uint32_t count;
    uint32_t capacity;
    uint32_t offset;   // bytes of the oldest already taken, its header included
    uint32_t stalled;  // calls in a row that found a reserved record not yet filled
    uint64_t sequence; // of the newest pending segment
    uint64_t torn;     // reserved records given up
};

// Copies up to `capacity` records of `core` to `out`, in time order, and gives emptied segments back to the process.
// Returns how many. `ended`: the process is gone and nothing more will be filled.
uint32_t hl_drain_core(void *_Nonnull base, uint32_t core, struct hl_drain *_Nonnull drain,
                       struct hl_record *_Nonnull out, uint32_t capacity, int ended);
void hl_drain_end(struct hl_drain *_Nonnull drain);

// How many whole nodes follow from id `first`, `most` at most.
uint32_t hl_drain_nodes(const void *_Nonnull base, uint64_t first, uint32_t most,
                        const struct hl_node *_Nullable *_Nonnull nodes);
// How many bytes of whole notes follow from byte `first`, `most` at most (a single larger note is given whole);
// `count` receives how many notes.
uint64_t hl_drain_notes(const void *_Nonnull base, uint64_t first, uint64_t most, uint32_t *_Nonnull count,
                        const char *_Nullable *_Nonnull notes);
// Sums and losses so far, read from the file alone.
void hl_drain_counts(const void *_Nonnull base, struct hl_counts *_Nonnull counts);
// Says who drains: the process then waits for segments rather than giving up.
void hl_drain_attach(void *_Nonnull base, uint32_t collector_pid);
// This machine's counter now, on the clock of hl_process.clock_base.
uint64_t hl_drain_clock(void);
enum hl_process_state hl_drain_state(const void *_Nonnull base);

// Asks the process for something, from outside, and waits for its answer. The caller made sure that the process file is that of `pid`, still
// running, and holds a lock on it. 0 or a hl_error of the process, or one of these.
int hl_drain_ask(void *_Nonnull base, enum hl_command command, uint32_t number, const char *_Nullable text,
                 uint32_t timeout_ms);
enum hl_ask_error {
    HL_ASK_DEAF = -100,    // the process listens to no signal, or took it for itself
    HL_ASK_REFUSED = -101, // the system does not let us send it
    HL_ASK_SILENT = -102,  // no answer in time: all its threads block the signal
    HL_ASK_LONG = -103,    // the text is too long
};

#if defined(__cplusplus)
}
#endif
