// SPDX-License-Identifier: Apache-2.0
//
// See snapshot.h. The same chunks as the collector writes, uncompressed; memory comes from mmap, never from the traced heap.
// Recording may go on meanwhile: what is written is a cut, the sums as they stood at one moment and each core up to where its cursor stood
// then. Threads count an event first and write its record afterwards, so with
//
//   sums before == sums after     no event was counted while the cursors were read: every record up to them is counted
//   records up to them == sums    every event that is counted is among them
//
// the cut holds exactly the same events twice, whatever other threads are in the middle of.

#include "snapshot.h"
#include "clock.h"
#include "heapline_codec.h"
#include "modules.h"
#include "overhead.h"
#include "platform.h"
#include "recorder.h"

#include <fcntl.h>
#include <string.h>

#define PER_SEGMENT ((HL_SEGMENT_BYTES - HL_SEGMENT_HEADER_BYTES) / sizeof(struct hl_record))

void hl_process_counts(const struct hl_process *process, struct hl_counts *counts) {
    const char *base = (const char *)process;
    const struct hl_thread_counts *slots = (const struct hl_thread_counts *)(base + HL_THREADS_OFFSET);
    *counts = (struct hl_counts){.sums = process->retired};
    counts->ticks = hl_clock_counter() - process->clock_base;
    for (uint32_t i = 0; i < HL_MAX_THREAD_SLOTS; i++) {
        // Slots are used from the front and their storage is made 64 at a time: one that never was used ends the list.
        if (i % 64 == 0 && i && !hl_load_relaxed(&slots[i - 1].used)) break;
        counts->sums.allocations += slots[i].allocations;
        counts->sums.frees += slots[i].frees;
        counts->sums.reallocations += slots[i].reallocations;
        counts->sums.bytes += slots[i].bytes;
        counts->sums.failures += slots[i].failures;
    }
    memcpy(counts->lost, process->lost, sizeof counts->lost);
}

struct cut {
    struct hl_counts counts;
    uint64_t *cursors; // by core
};

struct writer {
    int fd;
    int error;
    struct hl_thread_counts seen;
    struct cut cut;
    uint64_t until; // how long to wait for threads in the middle of an event, …
    int patient;    // … when the recording has ended
    char *scratch;
    uint8_t *out;
    struct hl_record *batch;
};

static void chunk(struct writer *writer, struct hl_chunk header, const void *payload) {
    static const char zeros[8];
    header.raw_bytes = header.stored_bytes;
    hl_chunk_seal(&header, payload);
    if (!writer->error) writer->error = hl_platform_write_all(writer->fd, &header, sizeof header);
    if (!writer->error && header.stored_bytes)
        writer->error = hl_platform_write_all(writer->fd, payload, header.stored_bytes);
    if (!writer->error && header.stored_bytes % 8)
        writer->error = hl_platform_write_all(writer->fd, zeros, 8 - header.stored_bytes % 8);
}

// What the snapshot holds, in the terms of struct hl_thread_counts.
static void add_up(struct hl_thread_counts *sums, const struct hl_record *records, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        switch (hl_record_kind(&records[i])) {
        case HL_KIND_ALLOC:
        case HL_KIND_REALLOC_ALLOC:
            sums->allocations++;
            sums->bytes += records[i].size;
            break;
        case HL_KIND_FREE:
        case HL_KIND_REALLOC_FREE: sums->frees++; break;
        case HL_KIND_REALLOC_FAIL: sums->frees--; break;
        default: break;
        }
    }
}

static void events(struct writer *writer, uint32_t core, const struct hl_record *records, uint32_t count) {
    if (!count) return;
    add_up(&writer->seen, records, count);
    size_t bytes = hl_events_encode(records, count, writer->out, writer->scratch);
    chunk(writer,
          (struct hl_chunk){
              .kind = HL_CHUNK_EVENTS,
              .core = core,
              .count = count,
              .stored_bytes = (uint32_t)bytes,
              .first = hl_record_ticks(&records[0]),
              .last = hl_record_ticks(&records[count - 1]),
          },
          writer->out);
}

// The segments of a core form a chain from the newest to the oldest; `order` receives their indexes oldest first.
static uint32_t chain(uint64_t cursor, uint32_t *order, uint32_t capacity) {
    if (!cursor) return 0;
    uint32_t index = (uint32_t)((cursor - 1) / HL_SEGMENT_BYTES), count = 0;
    for (;;) {
        struct hl_segment *segment = (struct hl_segment *)(hl_recorder.segments + (size_t)index * HL_SEGMENT_BYTES);
        if (count == capacity) break;
        order[count++] = index;
        uint64_t sequence = segment->sequence;
        if (sequence <= 1 || !segment->previous) break;
        struct hl_segment *before =
            (struct hl_segment *)(hl_recorder.segments + (size_t)(segment->previous - 1) * HL_SEGMENT_BYTES);
        if (before->core != segment->core || before->sequence != sequence - 1) break; // overwritten, or drained
        index = segment->previous - 1;
    }
    for (uint32_t i = 0; i < count / 2; i++) {
        uint32_t swap = order[i];
        order[i] = order[count - 1 - i];
        order[count - 1 - i] = swap;
    }
    return count;
}

static void core_events(struct writer *writer, uint32_t core, uint32_t *order, uint32_t capacity) {
    uint64_t cursor = writer->cut.cursors[core];
    uint32_t segments = chain(cursor, order, capacity), count = 0;
    for (uint32_t i = 0; i < segments; i++) {
        const char *segment = hl_recorder.segments + (size_t)order[i] * HL_SEGMENT_BYTES;
        const char *end = i + 1 < segments ? segment + HL_SEGMENT_BYTES : hl_recorder.segments + cursor;
        const struct hl_record *record = (const struct hl_record *)(segment + HL_SEGMENT_HEADER_BYTES);
        for (; (const char *)record < end; record++) {
            while (!hl_load_acquire(&record->time_kind) && writer->patient && hl_platform_monotonic_ns() < writer->until)
                hl_platform_yield();
            if (!hl_load_acquire(&record->time_kind)) continue; // reserved, not yet written
            // Nearly always in order already: one step of insertion sort.
            uint32_t at = count++;
            for (; at && writer->batch[at - 1].time_kind >> 8 > record->time_kind >> 8; at--)
                writer->batch[at] = writer->batch[at - 1];
            writer->batch[at] = *record;
            if (count == HL_EVENTS_MAX) {
                events(writer, core, writer->batch, count);
                count = 0;
            }
        }
    }
    events(writer, core, writer->batch, count);
}

// MARK: The cut

static int same(const struct hl_counts *one, const struct hl_counts *other) {
    return !memcmp(&one->sums, &other->sums, sizeof one->sums) && !memcmp(one->lost, other->lost, sizeof one->lost);
}

// The cursors, and the sums as they stood while these were read. Where other threads are at work all the time, the last try counts.
static void take_cut(struct cut *cut, const struct hl_process *process) {
    struct hl_counts before;
    hl_process_counts(process, &cut->counts);
    for (int tries = 0; tries < 8; tries++) {
        before = cut->counts;
        // Acquire: pairs with the release (x86: the order of stores) of the commit; who sees a record here sees it counted below.
        for (uint32_t core = 0; core <= process->core_count; core++)
            cut->cursors[core] = hl_load_acquire((uint64_t *)(hl_recorder.cores + core * sizeof(struct hl_core)));
        hl_process_counts(process, &cut->counts);
        if (same(&before, &cut->counts)) return;
    }
}

// Records up to the cut, or lost.
static uint64_t records_there(const struct writer *writer, uint32_t *order, uint32_t capacity) {
    uint64_t there = 0;
    for (int i = 0; i < HL_LOSS_COUNT; i++) there += writer->cut.counts.lost[i];
    for (uint32_t core = 0; core <= hl_recorder.core_count; core++) {
        uint64_t cursor = writer->cut.cursors[core];
        uint32_t segments = chain(cursor, order, capacity);
        if (!segments) continue;
        uint64_t last = (cursor - 1) % HL_SEGMENT_BYTES + 1;
        there += (segments - 1) * PER_SEGMENT + (last - HL_SEGMENT_HEADER_BYTES) / sizeof(struct hl_record);
    }
    return there;
}

// Takes the cut. After the end of a recording, waits for threads that have counted an event and not yet written it: one that has no
// processor takes a while. In vain where somebody else has taken records.
static void settle(struct writer *writer, const struct hl_process *process, uint32_t *order, uint32_t capacity) {
    for (;;) {
        take_cut(&writer->cut, process);
        const struct hl_thread_counts *sums = &writer->cut.counts.sums;
        if (!writer->patient || process->mode != HL_MODE_ALL || process->collector_pid ||
            records_there(writer, order, capacity) >= sums->allocations + sums->frees || hl_platform_monotonic_ns() >= writer->until)
            return;
        uint32_t nobody = 0;
        hl_platform_wait(&nobody, 0, 1);
    }
}

// Whether what was written are the events that the cut's sums tell of.
static int adds_up(const struct writer *writer) {
    const struct hl_thread_counts *sums = &writer->cut.counts.sums;
    return sums->allocations == writer->seen.allocations && sums->frees == writer->seen.frees && sums->bytes == writer->seen.bytes;
}

// Ticks per second, measured over the life of the process where the processor does not say.
static uint64_t measure_hz(const struct hl_process *process) {
    if (process->clock_hz) return process->clock_hz;
    uint64_t ns = hl_platform_wall_ns() - process->start_unix_ns, ticks = hl_clock_counter() - process->clock_base;
    while (ns < 2000000) { // too short to divide by
        ns = hl_platform_wall_ns() - process->start_unix_ns;
        ticks = hl_clock_counter() - process->clock_base;
    }
    return (uint64_t)((double)ticks * 1e9 / (double)ns);
}

static void write_file(struct writer *writer, const struct hl_process *process, uint32_t *order, uint32_t capacity) {
    struct hl_file_header file = {
        .magic = {'H', 'E', 'A', 'P', 'L', 'I', 'N', 'E'},
        .version = HL_FORMAT_VERSION,
        .header_bytes = sizeof file,
        .start_unix_ns = process->start_unix_ns,
    };
    file.checksum = hl_crc32c(0, &file, offsetof(struct hl_file_header, checksum));
    writer->error = hl_platform_write_all(writer->fd, &file, sizeof file);

    struct hl_process copy = *process;
    copy.clock_hz = measure_hz(process);
    chunk(writer, (struct hl_chunk){.kind = HL_CHUNK_PROCESS, .count = 1, .stored_bytes = sizeof copy}, &copy);
    writer->seen = (struct hl_thread_counts){0};
    settle(writer, process, order, capacity);
    for (uint32_t core = 0; core <= hl_recorder.core_count; core++) core_events(writer, core, order, capacity);

    // Nodes and notes after the events: whatever an event refers to was complete before the event.
    const struct hl_node *nodes = (const struct hl_node *)(hl_recorder.base + HL_NODES_OFFSET);
    uint64_t node_end = hl_load_acquire(&process->nodes_made);
    if (node_end > process->node_capacity) node_end = process->node_capacity;
    for (uint64_t first = HL_ROOT_COUNT; first < node_end;) {
        uint32_t count = 0;
        while (first + count < node_end && count < HL_EVENTS_MAX && hl_load_acquire(&nodes[first + count].flags)) count++;
        if (!count) break;
        size_t used = hl_nodes_encode(nodes + first, count, first, writer->out);
        chunk(writer,
              (struct hl_chunk){
                  .kind = HL_CHUNK_NODES, .count = count, .first = first, .stored_bytes = (uint32_t)used},
              writer->out);
        first += count;
    }
    const char *notes = hl_recorder.base + HL_NOTES_OFFSET;
    uint64_t at = 0, reserved = hl_load_acquire(&process->notes_reserved);
    uint32_t note_count = 0;
    while (at < reserved) {
        const struct hl_note *note = (const struct hl_note *)(notes + at);
        if (!hl_load_acquire(&note->kind)) break;
        at += (note->size + 7) & ~(uint64_t)7;
        note_count++;
    }
    chunk(writer, (struct hl_chunk){.kind = HL_CHUNK_NOTES, .count = note_count, .stored_bytes = (uint32_t)at}, notes);
    // In a recording that goes on, the sums are those of the events only when nobody was in the middle of one.
    writer->cut.counts.final = writer->patient || adds_up(writer);
    chunk(writer, (struct hl_chunk){.kind = HL_CHUNK_COUNTS, .count = 1, .stored_bytes = sizeof writer->cut.counts}, &writer->cut.counts);
    if (!writer->patient) hl_overhead_processor();
    chunk(writer, (struct hl_chunk){.kind = HL_CHUNK_OVERHEAD, .count = 1, .stored_bytes = sizeof(struct hl_overhead)},
          hl_recorder.base + HL_OVERHEAD_OFFSET);
    chunk(writer, (struct hl_chunk){.kind = HL_CHUNK_END}, NULL);
}

// Whether to write it all again: when the recording has ended but a thread that was in the middle of an event was still at it.
static int is_too_early(const struct writer *writer, const struct hl_process *process) {
    for (int i = 0; i < HL_LOSS_COUNT; i++)
        if (writer->cut.counts.lost[i]) return 0; // it never will
    return writer->patient && !writer->error && process->mode == HL_MODE_ALL && !process->collector_pid && !adds_up(writer) &&
           hl_platform_monotonic_ns() < writer->until;
}

int hl_snapshot_write(const char *path) {
    struct hl_process *process = hl_recorder.process;
    hl_modules_refresh();
    uint32_t made = hl_load_relaxed(&process->segments_made);
    size_t out_bytes = hl_events_bound(HL_EVENTS_MAX), batch_bytes = HL_EVENTS_MAX * sizeof(struct hl_record);
    size_t order_bytes = (made + 2) / 2 * sizeof(uint64_t), cursor_bytes = (hl_recorder.core_count + 1) * sizeof(uint64_t);
    size_t bytes = HL_EVENTS_SCRATCH_BYTES + batch_bytes + order_bytes + cursor_bytes + out_bytes;
    char *memory = hl_platform_map(bytes);
    if (!memory) return HL_ERROR_SYSTEM;
    struct writer writer = {.scratch = memory};
    writer.batch = (struct hl_record *)(memory + HL_EVENTS_SCRATCH_BYTES);
    uint32_t *order = (uint32_t *)(memory + HL_EVENTS_SCRATCH_BYTES + batch_bytes);
    writer.cut.cursors = (uint64_t *)(memory + HL_EVENTS_SCRATCH_BYTES + batch_bytes + order_bytes);
    writer.out = (uint8_t *)writer.cut.cursors + cursor_bytes;
    writer.patient = hl_load_acquire(&process->state) != HL_STATE_RUNNING; // pairs with the release in own_stop()
    writer.until = hl_platform_monotonic_ns() + 1000000000u;
    do {
        writer.fd = hl_platform_open(path, O_WRONLY | O_CREAT | O_TRUNC);
        writer.error = writer.fd < 0;
        if (writer.error) break;
        write_file(&writer, process, order, made + 1);
        hl_platform_close(writer.fd);
    } while (is_too_early(&writer, process));
    hl_platform_unmap(memory, bytes);
    return writer.error ? HL_ERROR_SYSTEM : 0;
}
