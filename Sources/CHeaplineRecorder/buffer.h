// SPDX-License-Identifier: Apache-2.0
//
// One core's buffer: reserve, write, commit. Two backends with one meaning: buffer_rseq.h does all three in a
// restartable sequence, buffer_cas.h with a compare-exchange and a release store. Both leave through buffer_slow.c when the
// segment is full.
//
// Invariants of a core, tested by hl_buffer_check():
//   cursor % 32 == 0
//   cursor % HL_SEGMENT_BYTES == 0, or >= HL_SEGMENT_HEADER_BYTES
//   segment of (cursor - 1).core == core
#pragma once

#include "recorder.h"

// Takes the next segment for `core`, whose cursor was seen full at `cursor`. Returns 0 to try again, or -1 when the record is
// to be dropped (counted already). Async-signal-safe; blocks only under HL_ON_FULL_BLOCK.
HL_SLOW int hl_buffer_next_segment(uint32_t core, uint64_t cursor);

// Writes one record in a core that no thread owns (cpu unknown), by compare-exchange.
HL_SLOW void hl_buffer_write_shared(uint64_t kind, uint64_t address, uint64_t size, uint64_t site);

// Swaps the cursor of `core` from `from` to `to` if it still stands there and we run on that core (rseq), or by
// compare-exchange. Returns 1 when done.
int hl_buffer_swap_cursor(uint32_t core, uint64_t from, uint64_t to);

// 0 when the invariants above hold for all cores.
int hl_buffer_check(void);

static inline struct hl_core *hl_buffer_core(uint32_t core) {
    return (struct hl_core *)(hl_recorder.cores + (size_t)core * sizeof(struct hl_core));
}
static inline struct hl_segment *hl_buffer_segment(uint32_t index) {
    return (struct hl_segment *)(hl_recorder.segments + (size_t)index * HL_SEGMENT_BYTES);
}
