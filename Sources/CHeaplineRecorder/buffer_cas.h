// SPDX-License-Identifier: Apache-2.0
//
// Reserve with a compare-exchange on the core's cursor, write, commit with a release store of the record's first word.
// For systems without rseq, and for records whose core is unknown. A thread may be moved to another core between
// looking up its core and the exchange: then two cores share a cursor for one event, which is slow and right.
#pragma once

#include "buffer.h"
#include "clock.h"

// 1 when written; 0 when the segment is full (`cursor_out`).
static inline int hl_buffer_write_cas(uint32_t core, uint64_t kind, uint64_t address, uint64_t size, uint64_t site,
                                      uint64_t *cursor_out) {
    uint64_t *place = &hl_buffer_core(core)->cursor;
    uint64_t cursor = hl_load_relaxed(place); // the exchange below checks it
    uint64_t ticks;
    do {
        if ((cursor & (HL_SEGMENT_BYTES - 1)) == 0) {
            *cursor_out = cursor;
            return 0;
        }
        // Before the exchange: whoever reserves later has a later clock, up to the reader's tolerance (see TraceFormat).
        ticks = hl_clock_counter() - hl_recorder.clock_base;
    } while (!hl_cas(place, &cursor, cursor + sizeof(struct hl_record)));
    struct hl_record *record = (struct hl_record *)(hl_recorder.segments + cursor);
    record->address = address;
    record->size = size;
    __builtin_memcpy(&record->stack, &site, sizeof site);
    // Release: pairs with the acquire of whoever drains, which skips nothing before it is non-zero.
    hl_store_release(&record->time_kind, ticks << 8 | kind);
    return 1;
}
