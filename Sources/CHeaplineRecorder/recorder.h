// SPDX-License-Identifier: Apache-2.0
//
// The recorder of this process: one, static. What each hook looks at on every event stands in the gate; the rest is
// cold. Read heapline_format.h first, then record.h.
#pragma once

#include "atomics.h"
#include "heapline.h"

// What a hook must do, in one word. A page of its own that the kernel wipes in a forked child: whatever way the fork was
// made (fork, _Fork, clone), the child finds HL_GATE_WAKE and gets a process file of its own before it writes into its parent's.
enum hl_gate_state {
    HL_GATE_WAKE = 0,   // first event of this process: start, or find out that we are a child
    HL_GATE_OFF = 1,    // nothing to do: switched off, stopped, or paused
    HL_GATE_BUSY = 2,   // being started right now, by another thread or by ourselves further out
    HL_GATE_COUNT = 3,  // counts only
    HL_GATE_SAMPLE = 4, // counts, and a record now and then
    HL_GATE_RECORD = 5, // counts and records
};
struct hl_gate {
    uint32_t state; // relaxed: it publishes nothing, a late look only misses or adds an event at the border
    char rest[4092];
};
extern struct hl_gate hl_gate __attribute__((visibility("hidden")));

struct hl_recorder {
    // Hot: read on every event, written before the gate opens.
    char *cores;         // struct hl_core[]
    char *segments;      // start of the segments
    uint64_t clock_base;
    int64_t rseq_offset; // from the thread pointer; unused with the compare-exchange backend
    uint32_t core_count;
    uint32_t backend;
    uint32_t depth;
    uint32_t free_stacks;
    // Cold.
    uint32_t maps;
    uint32_t max_depth;
    uint32_t pid;
    uint32_t has_collector;  // somebody drains, or is expected to
    uint32_t next_thread;
    uint32_t paused;
    uint32_t started;        // 1 once hl_start or the environment started it
    uint32_t follows;        // forked children are recorded too: started by the environment
    uint32_t discarded;      // the files are gone, and what was in them
    struct hl_process *process;
    char *base;
    size_t bytes;            // of the mapping
    uint64_t sample_bytes;
    struct hl_options options;
    char directory[512];
    char path[560];
    char problem[160];
};
extern struct hl_recorder hl_recorder __attribute__((visibility("hidden")));

// Opens the gate's state for a hook that found HL_GATE_WAKE. Returns the state to act on.
HL_SLOW uint32_t hl_gate_wake(void);

// Makes the process file and opens the gate. Returns 0 or an error; recording is then off.
int hl_recorder_start(void);
// An internal error: stop recording, say so in the trace, let the program run on.
HL_SLOW void hl_recorder_give_up(const char *why);
// Storage for [offset, offset + bytes) of the process file; 0 or an error.
int hl_recorder_populate(size_t offset, size_t bytes);
