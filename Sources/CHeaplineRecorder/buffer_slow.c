// SPDX-License-Identifier: Apache-2.0
//
// What a hot write leaves to the slow twin: handing a full segment on, and what to do when no segment is free.
//
// Protocol. The thread that finds a segment full prepares the next one completely (header included), then moves the
// core's cursor there with one store. Whoever drains sees either the old segment, full, or the new one, whose header leads back to the
// old. Killed anywhere in between, nothing that was committed is out of reach.

#include "buffer_cas.h"
#include "buffer_rseq.h"
#include "overhead.h"
#include "platform.h"
#include "record.h"

int hl_buffer_swap_cursor(uint32_t core, uint64_t from, uint64_t to) {
    if (hl_recorder.backend == HL_BACKEND_RSEQ && core < hl_recorder.core_count)
        return hl_buffer_swap_rseq(core, from, to);
    return hl_cas(&hl_buffer_core(core)->cursor, &from, to);
}

// The free list is a stack with a tag against ABA: the segment freed last is warm in the cache and is taken first.
static uint32_t take_free(struct hl_process *process) {
    // Acquire: pairs with the collector's release in its push, so the segment's zeroed records are seen.
    uint64_t head = hl_load_acquire(&process->free_list);
    while ((uint32_t)head) {
        uint32_t index = (uint32_t)head - 1;
        // Relaxed: a stale link makes the exchange below fail, since the tag has moved on.
        uint64_t next = hl_load_relaxed(&hl_buffer_segment(index)->next_free);
        if (hl_cas(&process->free_list, &head, ((head >> 32) + 1) << 32 | next)) return index + 1;
    }
    return 0;
}

static void put_free(struct hl_process *process, uint32_t index) {
    uint64_t head = hl_load_relaxed(&process->free_list); // checked by the exchange
    do hl_store_relaxed(&hl_buffer_segment(index)->next_free, (uint32_t)head);
    while (!hl_cas(&process->free_list, &head, ((head >> 32) + 1) << 32 | (index + 1)));
}

static uint32_t no_storage; // the session directory was full once: records lost from then on are lost to that

// A segment never used before, or 0: all are made (`*why` unchanged) or there is no storage.
static uint32_t make_segment(struct hl_process *process, enum hl_loss *why) {
    uint32_t made = hl_load_relaxed(&process->segments_made);
    do {
        if (made >= hl_load_relaxed(&process->segment_count)) return 0;
    } while (!hl_cas(&process->segments_made, &made, made + 1));
    size_t offset = process->segments_offset + (size_t)made * HL_SEGMENT_BYTES;
    if (hl_recorder_populate(offset, HL_SEGMENT_BYTES) == 0) return made + 1;
    // No room in the session directory. Segments made later would fail too; those there are go on being recycled.
    if (hl_load_relaxed(&process->segment_count) > made) hl_store_relaxed(&process->segment_count, made);
    hl_store_relaxed(&no_storage, 1u); // only for the count's name
    *why = HL_LOSS_NO_SPACE;
    return 0;
}

// Overwrite: takes back the oldest full segment of any core. 0 when there is none that can be taken.
static uint32_t take_oldest(struct hl_process *process) {
    for (int attempt = 0; attempt < 8; attempt++) {
        uint32_t made = hl_load_relaxed(&process->segments_made), best = 0;
        uint64_t oldest = UINT64_MAX;
        for (uint32_t i = 0; i < made; i++) {
            struct hl_segment *segment = hl_buffer_segment(i);
            uint64_t cursor = hl_load_relaxed(&hl_buffer_core(segment->core)->cursor);
            if (!segment->sequence || (cursor && (cursor - 1) / HL_SEGMENT_BYTES == i)) continue;
            uint64_t first = ((struct hl_record *)((char *)segment + HL_SEGMENT_HEADER_BYTES))->time_kind;
            if (first && first < oldest) {
                oldest = first;
                best = i + 1;
            }
        }
        if (!best) return 0;
        struct hl_segment *segment = hl_buffer_segment(best - 1);
        uint64_t sequence = segment->sequence;
        // Whoever exchanges the sequence for 0 owns the segment; chains that lead here end, since the numbers differ.
        if (sequence && hl_cas(&segment->sequence, &sequence, (uint64_t)0)) {
            uint64_t records = (HL_SEGMENT_BYTES - HL_SEGMENT_HEADER_BYTES) / sizeof(struct hl_record);
            hl_add_relaxed(&process->lost[HL_LOSS_FULL], records);
            __builtin_memset((char *)segment + HL_SEGMENT_HEADER_BYTES, 0,
                             HL_SEGMENT_BYTES - HL_SEGMENT_HEADER_BYTES);
            return best;
        }
    }
    return 0;
}

// Waits for the collector to free a segment. 0 to look again, -1 when nobody will.
static int wait_for_collector(struct hl_process *process, uint64_t *since_ns) {
    uint64_t now = hl_platform_monotonic_ns();
    uint32_t collector = hl_load_relaxed(&process->collector_pid);
    uint32_t seen = hl_load_acquire(&process->wanted); // pairs with the collector's add before its wake
    if (!*since_ns) *since_ns = now;
    // Ten seconds without a single segment: the collector is stopped, gone, or was never there.
    if (now - *since_ns > 10000000000u || (collector && !hl_platform_alive(collector))) {
        hl_store_relaxed(&hl_recorder.has_collector, 0u);
        return -1;
    }
    if ((uint32_t)hl_load_acquire(&process->free_list)) return 0;
    hl_platform_wait(&process->wanted, seen, 20);
    return 0;
}

static int next_segment(uint32_t core, uint64_t cursor, uint64_t *waited) {
    struct hl_process *process = hl_recorder.process;
    enum hl_loss why = hl_load_relaxed(&no_storage) ? HL_LOSS_NO_SPACE : HL_LOSS_FULL;
    uint64_t waiting_since = 0;
    uint32_t segment;
    while (!(segment = take_free(process)) && !(segment = make_segment(process, &why))) {
        if (process->on_full == HL_ON_FULL_OVERWRITE) {
            if ((segment = take_oldest(process))) break;
        } else if (process->on_full == HL_ON_FULL_BLOCK && hl_load_relaxed(&hl_recorder.has_collector) &&
                   hl_load_relaxed(&process->segment_count) > hl_recorder.core_count + 1) {
            // With fewer segments than cores (no storage) a segment may never come free: other cores fill theirs slowly.
            uint64_t start = hl_clock_counter();
            int error = wait_for_collector(process, &waiting_since);
            *waited += hl_clock_counter() - start;
            if (error == 0) {
                // Another thread may have given this core a segment meanwhile.
                if (hl_load_relaxed(&hl_buffer_core(core)->cursor) != cursor) return 0;
                continue;
            }
        }
        hl_add_relaxed(&process->lost[why], (uint64_t)1);
        return -1;
    }
    uint32_t index = segment - 1;
    struct hl_segment *header = hl_buffer_segment(index);
    uint32_t before = cursor ? (uint32_t)((cursor - 1) / HL_SEGMENT_BYTES) + 1 : 0;
    // The segment before cannot be recycled now: only what lies behind a core's current segment is ever drained and freed.
    header->core = core;
    header->previous = before;
    hl_store_relaxed(&header->sequence, before ? hl_load_relaxed(&hl_buffer_segment(before - 1)->sequence) + 1 : 1);
    // Release: the header is complete before the cursor leads to it.
    __atomic_thread_fence(__ATOMIC_RELEASE);
    if (!hl_buffer_swap_cursor(core, cursor, (uint64_t)index * HL_SEGMENT_BYTES + HL_SEGMENT_HEADER_BYTES)) {
        hl_store_relaxed(&header->sequence, (uint64_t)0);
        put_free(process, index);
        return 0;
    }
    hl_record_at_segment_change();
    return 0;
}

HL_SLOW int hl_buffer_next_segment(uint32_t core, uint64_t cursor) {
    uint64_t start = hl_clock_counter(), waited = 0;
    int error = next_segment(core, cursor, &waited);
    hl_overhead_segment(start, waited);
    return error;
}

HL_SLOW void hl_buffer_write_shared(uint64_t kind, uint64_t address, uint64_t size, uint64_t site) {
    uint64_t cursor;
    while (!hl_buffer_write_cas(hl_recorder.core_count, kind, address, size, site, &cursor))
        if (hl_buffer_next_segment(hl_recorder.core_count, cursor) < 0) return;
}

int hl_buffer_check(void) {
    for (uint32_t core = 0; core <= hl_recorder.core_count; core++) {
        uint64_t cursor = hl_load_acquire(&hl_buffer_core(core)->cursor), at = cursor % HL_SEGMENT_BYTES;
        if (cursor % sizeof(struct hl_record) || (at && at < HL_SEGMENT_HEADER_BYTES)) return -1;
        if (cursor && hl_buffer_segment((uint32_t)((cursor - 1) / HL_SEGMENT_BYTES))->core != core) return -1;
    }
    return 0;
}
