// SPDX-License-Identifier: Apache-2.0
//
// See heapline_drain.h. Runs in the collector (which may use malloc), never in the hooks of a traced program.

#include "atomics.h"
#include "clock.h"
#include "heapline_drain.h"
#include "platform.h"
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

static struct hl_segment *segment_at(char *base, uint32_t index) {
    const struct hl_process *process = (const struct hl_process *)base;
    return (struct hl_segment *)(base + process->segments_offset + (size_t)index * HL_SEGMENT_BYTES);
}

// Appends to `pending` the segments from the core's current one back to the newest already pending.
static int extend(char *base, uint64_t cursor, struct hl_drain *drain) {
    uint32_t index = (uint32_t)((cursor - 1) / HL_SEGMENT_BYTES), added = 0;
    uint32_t limit = ((struct hl_process *)base)->segment_count;
    uint64_t newest = hl_load_relaxed(&segment_at(base, index)->sequence); // the cursor's acquire made it whole
    if (drain->count && newest == drain->sequence) return 0;
    uint64_t sequence = newest;
    uint32_t start = drain->count;
    for (;;) {
        if (drain->count == drain->capacity) {
            uint32_t capacity = drain->capacity ? drain->capacity * 2 : 64;
            uint32_t *grown = realloc(drain->pending, capacity * sizeof *grown);
            if (!grown) return -1;
            drain->pending = grown;
            drain->capacity = capacity;
        }
        drain->pending[drain->count++] = index;
        const struct hl_segment *segment = segment_at(base, index);
        uint32_t previous = segment->previous;
        if (++added > limit || sequence <= 1 || sequence - 1 == drain->sequence || !previous || previous > limit) break;
        const struct hl_segment *before = segment_at(base, previous - 1);
        // Another number: it was overwritten, or drained already.
        if (before->core != segment->core || hl_load_relaxed(&before->sequence) != sequence - 1) break;
        index = previous - 1;
        sequence--;
    }
    for (uint32_t i = 0; i < added / 2; i++) {
        uint32_t swap = drain->pending[start + i];
        drain->pending[start + i] = drain->pending[drain->count - 1 - i];
        drain->pending[drain->count - 1 - i] = swap;
    }
    drain->sequence = newest;
    if (!start) drain->offset = HL_SEGMENT_HEADER_BYTES;
    return 0;
}

// Gives a segment back; the process takes the one freed last first.
static void recycle(struct hl_process *process, char *base, uint32_t index) {
    struct hl_segment *segment = segment_at(base, index);
    if (process->backend == HL_BACKEND_CAS || segment->core >= process->core_count)
        memset((char *)segment + HL_SEGMENT_HEADER_BYTES, 0, HL_SEGMENT_BYTES - HL_SEGMENT_HEADER_BYTES);
    hl_store_relaxed(&segment->sequence, (uint64_t)0);
    uint64_t head = hl_load_relaxed(&process->free_list); // checked by the exchange
    do hl_store_relaxed(&segment->next_free, (uint32_t)head);
    // Release: pairs with the acquire of whoever takes it, which then sees its records zeroed.
    while (!hl_cas(&process->free_list, &head, ((head >> 32) + 1) << 32 | (index + 1)));
    if ((uint32_t)head == 0) {
        __atomic_fetch_add(&process->wanted, 1u, __ATOMIC_RELEASE); // pairs with the acquire before the wait
        hl_platform_wake(&process->wanted);
    }
}

// Puts the record just copied to out[place] where its time belongs: a step back in time is rare, and small.
static void sink(struct hl_record *out, uint32_t place) {
    struct hl_record record = out[place];
    for (; place && out[place - 1].time_kind >> 8 > record.time_kind >> 8; place--) out[place] = out[place - 1];
    out[place] = record;
}

// Copies `count` records to the end of out[0 … taken), in order of time. For a restartable sequence's records: all are whole.
static void copy_whole(const struct hl_record *from, uint32_t count, struct hl_record *out, uint32_t taken) {
    memcpy(out + taken, from, count * sizeof *from);
    for (uint32_t i = taken ? taken : 1; i < taken + count; i++)
        if (hl_unlikely(out[i - 1].time_kind >> 8 > out[i].time_kind >> 8)) sink(out, i);
}

// The same with the compare-exchange backend's records, which may be reserved but not yet written. Returns how many records it went
// over; `*taken` grows by those that were there. Stops (`*stalled` set) at one that a living thread is about to write.
static uint32_t copy_checked(const struct hl_record *from, uint32_t count, struct hl_record *out, uint32_t *taken,
                             struct hl_drain *drain, int ended, int *stalled) {
    for (uint32_t i = 0; i < count; i++) {
        // Acquire: pairs with the release of time_kind in the compare-exchange backend.
        if (hl_unlikely(!hl_load_acquire(&from[i].time_kind))) {
            if (!ended && drain->stalled++ < 1000) {
                *stalled = 1;
                return i;
            }
            drain->torn++;
        } else {
            out[*taken] = from[i];
            sink(out, (*taken)++);
        }
        drain->stalled = 0;
    }
    return count;
}

uint32_t hl_drain_core(void *memory, uint32_t core, struct hl_drain *drain, struct hl_record *out, uint32_t capacity,
                       int ended) {
    char *base = memory;
    struct hl_process *process = memory;
    // Acquire: pairs with the commit, so every record before the cursor is whole (rseq) or reserved (compare-exchange).
    uint64_t cursor = hl_load_acquire((uint64_t *)(base + HL_CORES_OFFSET + core * sizeof(struct hl_core)));
    if (!cursor || extend(base, cursor, drain) != 0) return 0;
    int whole = process->backend == HL_BACKEND_RSEQ && core < process->core_count;
    uint32_t taken = 0;
    uint32_t current = (uint32_t)((cursor - 1) / HL_SEGMENT_BYTES);
    while (drain->count && taken < capacity) {
        uint32_t index = drain->pending[0];
        int last = drain->count == 1;
        uint32_t end = last && index == current ? (uint32_t)(cursor - (uint64_t)index * HL_SEGMENT_BYTES)
                                                : HL_SEGMENT_BYTES;
        const struct hl_record *from = (const struct hl_record *)((const char *)segment_at(base, index) + drain->offset);
        uint32_t count = drain->offset < end ? (end - drain->offset) / (uint32_t)sizeof *from : 0;
        if (count > capacity - taken) count = capacity - taken;
        int stalled = 0;
        if (whole) {
            copy_whole(from, count, out, taken);
            taken += count;
        } else {
            count = copy_checked(from, count, out, &taken, drain, ended, &stalled);
        }
        drain->offset += count * (uint32_t)sizeof *from;
        if (stalled || drain->offset < HL_SEGMENT_BYTES || last) break;
        // Wholly taken, and the core has moved on: the next segment is pending.
        drain->count--;
        memmove(drain->pending, drain->pending + 1, drain->count * sizeof *drain->pending);
        drain->offset = HL_SEGMENT_HEADER_BYTES;
        recycle(process, base, index);
    }
    return taken;
}

void hl_drain_end(struct hl_drain *drain) {
    free(drain->pending);
    *drain = (struct hl_drain){0};
}

uint32_t hl_drain_nodes(const void *memory, uint64_t first, uint32_t most, const struct hl_node **nodes) {
    const char *base = memory;
    const struct hl_process *process = memory;
    uint64_t end = hl_load_acquire(&process->nodes_made); // pairs with nothing: each node's flags say if it is whole
    if (end > process->node_capacity) end = process->node_capacity;
    *nodes = (const struct hl_node *)(base + HL_NODES_OFFSET) + first;
    uint32_t count = 0;
    while (count < most && first + count < end && hl_load_acquire(&(*nodes)[count].flags)) count++;
    return count;
}

uint64_t hl_drain_notes(const void *memory, uint64_t first, uint64_t most, uint32_t *count, const char **notes) {
    const char *base = memory;
    const struct hl_process *process = memory;
    uint64_t end = hl_load_acquire(&process->notes_reserved), at = first;
    if (end > HL_NOTES_BYTES) end = HL_NOTES_BYTES;
    *notes = base + HL_NOTES_OFFSET + first;
    *count = 0;
    while (at + sizeof(struct hl_note) <= end) {
        const struct hl_note *note = (const struct hl_note *)(base + HL_NOTES_OFFSET + at);
        if (!hl_load_acquire(&note->kind)) break; // pairs with the release in hl_note_append()
        uint64_t bytes = ((uint64_t)note->size + 7) & ~(uint64_t)7;
        if (bytes < sizeof *note || at + bytes > end || (*count && at + bytes - first > most)) break;
        at += bytes;
        ++*count;
    }
    return at - first;
}

void hl_drain_counts(const void *memory, struct hl_counts *counts) {
    hl_process_counts(memory, counts);
}

void hl_drain_attach(void *memory, uint32_t collector_pid) {
    hl_store_relaxed(&((struct hl_process *)memory)->collector_pid, collector_pid); // only looked at now and then
}

uint64_t hl_drain_clock(void) {
    return hl_clock_counter();
}

enum hl_process_state hl_drain_state(const void *memory) {
    return (enum hl_process_state)hl_load_acquire(&((const struct hl_process *)memory)->state);
}
