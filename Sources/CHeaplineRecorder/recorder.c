// SPDX-License-Identifier: Apache-2.0
//
// Starting, stopping and forking of the recorder, and its public functions. The process file is laid out in
// heapline_format.h; hot code is in record.h.

#include "recorder.h"
#include "answer.h"
#include "clock.h"
#include "collector.h"
#include "modules.h"
#include "notes.h"
#include "options.h"
#include "overhead.h"
#include "platform.h"
#include "preloaded.h"
#include "record.h"
#include "sample.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct hl_gate hl_gate __attribute__((aligned(4096)));
struct hl_recorder hl_recorder;

#define DEFAULT_DEPTH 32
#define MAX_DEPTH 512
#define NODES (1u << 20)

static int populate_nodes(size_t bytes) {
    return hl_recorder_populate(HL_NODES_OFFSET, bytes) == 0;
}

int hl_recorder_populate(size_t offset, size_t bytes) {
    return hl_platform_populate(hl_recorder.base + offset, bytes, hl_recorder.path, offset);
}

static int problem(const char *what, int error) {
    snprintf(hl_recorder.problem, sizeof hl_recorder.problem, error ? "%s (errno %d)" : "%s", what, -error);
    return HL_ERROR_SYSTEM;
}

HL_SLOW void hl_recorder_give_up(const char *why) {
    if (hl_exchange(&hl_gate.state, (uint32_t)HL_GATE_OFF) == HL_GATE_OFF) return;
    if (!hl_recorder.process) return;
    problem(why, 0);
    hl_note_append(HL_NOTE_PROBLEM, NULL, 0, why, strlen(why));
    hl_store_release(&hl_recorder.process->state, (uint32_t)HL_STATE_BROKEN); // pairs with the collector's look
}

// The state of an open gate for the mode asked for.
static uint32_t open_state(void) {
    switch (hl_recorder.options.mode) {
    case HL_MODE_COUNT: return HL_GATE_COUNT;
    case HL_MODE_SAMPLE: return HL_GATE_SAMPLE;
    case HL_MODE_OFF: return HL_GATE_OFF;
    default: return HL_GATE_RECORD;
    }
}

// A directory for a session of our own.
static int make_directory(void) {
    char parent[256];
    if (!hl_environment_get("HEAPLINE_TMPDIR", parent, sizeof parent)) strcpy(parent, "/dev/shm");
    for (int attempt = 0; attempt < 3; attempt++) {
        snprintf(hl_recorder.directory, sizeof hl_recorder.directory, "%s/heapline-%u-%llx", parent,
                 hl_platform_pid(), (unsigned long long)hl_clock_counter());
        int made = hl_platform_make_directory(hl_recorder.directory);
        if (made == 0) return 0;
        if (attempt == 0 && hl_environment_get("TMPDIR", parent, sizeof parent)) continue;
        strcpy(parent, "/tmp");
    }
    return problem("no session directory could be made", 0);
}

static void note_process(void) {
    struct hl_note_process note = {
        .pid = hl_recorder.pid,
        .parent_pid = hl_platform_parent_pid(),
        .start_unix_ns = hl_recorder.process->start_unix_ns,
    };
    char text[8192];
    int64_t exe = hl_platform_read_link("/proc/self/exe", text, 4096);
    size_t used = exe > 0 ? (size_t)exe : 0;
    text[used++] = 0;
    int64_t arguments = hl_platform_read_file("/proc/self/cmdline", text + used, sizeof text - used);
    if (arguments > 0) used += (size_t)arguments;
    hl_note_append(HL_NOTE_PROCESS, &note, sizeof note, text, used);
}

// Makes and fills the process file. The gate is BUSY meanwhile.
static int make_process(void) {
    const struct hl_options *options = &hl_recorder.options;
    uint64_t buffer = options->buffer_bytes;
    if (!buffer) buffer = hl_recorder.has_collector || options->on_full != HL_ON_FULL_BLOCK ? 16u << 20 : 1u << 30;
    uint32_t segments = (uint32_t)(buffer / HL_SEGMENT_BYTES);
    hl_recorder.core_count = hl_platform_core_count();
    if (hl_recorder.core_count >= HL_MAX_CORES) hl_recorder.core_count = HL_MAX_CORES - 1;
    if (segments < 2 * (hl_recorder.core_count + 1)) segments = 2 * (hl_recorder.core_count + 1);

    size_t segments_offset = HL_NODES_OFFSET + NODES * sizeof(struct hl_node);
    size_t bytes = segments_offset + (size_t)segments * HL_SEGMENT_BYTES;
    // Another recording in this process takes the place of the one before: a thread that was interrupted in the middle of
    // one of its events may still write there. The unused memory of earlier files goes with their mapping.
    void *base = bytes <= hl_recorder.bytes ? hl_recorder.base : NULL;
    hl_recorder.pid = hl_platform_pid();
    snprintf(hl_recorder.path, sizeof hl_recorder.path, "%.500s/%u-%llx.process", hl_recorder.directory,
             hl_recorder.pid, (unsigned long long)hl_clock_counter());
    // Under another name until it is filled in: whoever watches the directory finds whole files only.
    char hidden[576];
    snprintf(hidden, sizeof hidden, "%s.new", hl_recorder.path);
    int reused = base != NULL;
    int error = hl_platform_create_shared(hidden, bytes, &base);
    if (error) return problem("the process file could not be made in the session directory", error);
    char final[sizeof hl_recorder.path];
    memcpy(final, hl_recorder.path, sizeof final);
    hl_recorder.base = base;
    if (!reused) hl_recorder.bytes = bytes;
    memcpy(hl_recorder.path, hidden, sizeof hl_recorder.path);
    size_t head = HL_CORES_OFFSET + (((hl_recorder.core_count + 1) * sizeof(struct hl_core) + 4095) & ~4095u);
    error = hl_recorder_populate(0, head);
    if (error) {
        hl_platform_unlink(hidden);
        return problem("the session directory has no room", error); // mapped for the next attempt
    }

    struct hl_process *process = base;
    process->magic = HL_PROCESS_MAGIC;
    process->version = HL_FORMAT_VERSION;
    process->pid = hl_recorder.pid;
    process->source = options->source;
    process->mode = options->mode;
    process->depth = hl_recorder.depth;
    process->on_full = options->on_full;
    process->backend = hl_recorder.backend;
    process->clock_hz = hl_clock_hz();
    process->start_unix_ns = hl_platform_wall_ns();
    process->clock_base = hl_recorder.clock_base = hl_clock_counter();
    process->sample_bytes = options->mode == HL_MODE_SAMPLE ? hl_recorder.sample_bytes : 0;
    process->core_count = hl_recorder.core_count;
    process->segment_count = segments;
    process->node_capacity = NODES;
    process->segments_offset = segments_offset;
    process->nodes_made = HL_ROOT_COUNT;
    process->state = HL_STATE_RUNNING;
    hl_overhead_start();
    hl_recorder.process = process;
    hl_recorder.cores = (char *)base + HL_CORES_OFFSET;
    hl_recorder.segments = (char *)base + segments_offset;

    if (hl_recorder.depth &&
        !hl_intern_start((struct hl_node *)((char *)base + HL_NODES_OFFSET), &process->nodes_made, NODES, populate_nodes))
        return problem("no memory for the stack table", 0);
    note_process();
    hl_modules_reset();
    error = hl_platform_rename(hidden, final);
    memcpy(hl_recorder.path, final, sizeof final);
    return error ? problem("the process file could not be named", error) : 0;
}

static void defaults(struct hl_options *options) {
    if (options->mode == HL_MODE_OFF) options->mode = HL_MODE_ALL;
    if (options->depth < 0) options->depth = DEFAULT_DEPTH;
    if (!options->sample_bytes) options->sample_bytes = 512 * 1024;
}

int hl_recorder_start(void) {
    struct hl_options *options = &hl_recorder.options;
    defaults(options);
    hl_recorder.max_depth = (uint32_t)options->depth;
    hl_recorder.depth = options->mode == HL_MODE_COUNT ? 0 : (uint32_t)options->depth;
    hl_recorder.free_stacks = options->free_stacks != 0;
    hl_recorder.maps = options->maps != 0;
    hl_recorder.sample_bytes = options->sample_bytes;
    hl_recorder.rseq_offset = hl_platform_rseq_offset();
    hl_recorder.backend = options->backend ? (uint32_t)options->backend
                          : hl_recorder.rseq_offset ? HL_BACKEND_RSEQ
                                                    : HL_BACKEND_CAS;
    if (hl_recorder.backend == HL_BACKEND_RSEQ && !hl_recorder.rseq_offset) hl_recorder.backend = HL_BACKEND_CAS;
    if (options->mode == HL_MODE_SAMPLE && hl_sample_start()) return problem("no memory for sampling", 0);
    if (!hl_recorder.directory[0]) {
        int error = make_directory();
        if (error) return error;
    }
    hl_threads_start();
    int error = make_process();
    if (error) return error;
    hl_recorder.started = 1;
    return 0;
}

// A forked child: everything of the parent's is still mapped, nothing of it may be written. It is recorded when
// the environment asked for its parent; who called hl_start() meant this process, and a child can call it, too.
static int start_in_child(void) {
    int wanted = hl_recorder.follows && hl_recorder.process && hl_recorder.process->state == HL_STATE_RUNNING;
    hl_threads_forked();
    if (hl_recorder.base) hl_platform_unmap(hl_recorder.base, hl_recorder.bytes);
    hl_recorder.base = NULL;
    hl_recorder.bytes = 0;
    hl_recorder.process = NULL;
    hl_recorder.next_thread = 0;
    if (!wanted) {
        hl_recorder.started = 0;
        hl_recorder.problem[0] = 0;
        return HL_ERROR_STATE;
    }
    char text[32];
    if (hl_environment_get("HEAPLINE_ONLY", text, sizeof text)) return HL_ERROR_STATE;
    hl_platform_wipe_on_fork(&hl_gate, sizeof hl_gate);
    int error = make_process();
    if (!error) hl_answer_announce();
    return error;
}

// A recording that cannot start has no notes to say why: a file of its own in the session directory does.
static void leave_word(void) {
    char path[600];
    snprintf(path, sizeof path, "%.500s/%u.problem", hl_recorder.directory, hl_platform_pid());
    int fd = hl_platform_open(path, O_WRONLY | O_CREAT | O_TRUNC);
    if (fd < 0) return;
    hl_platform_write_all(fd, hl_recorder.problem, strlen(hl_recorder.problem));
    hl_platform_close(fd);
}

#if defined(HL_PRELOAD)
enum { PRELOADED = 1 };
#else
enum { PRELOADED = 0 };
#endif

HL_SLOW uint32_t hl_gate_wake(void) {
    uint32_t asleep = HL_GATE_WAKE;
    if (!hl_cas(&hl_gate.state, &asleep, (uint32_t)HL_GATE_BUSY)) return asleep;
    int saved = errno;
    uint64_t start = hl_clock_counter();
    uint64_t signals = hl_platform_block_signals();
    uint32_t state = HL_GATE_OFF;
    if (hl_recorder.started) {
        if (hl_recorder.pid == hl_platform_pid() || start_in_child() == 0) state = open_state();
        if (state != HL_GATE_OFF && hl_recorder.paused) state = HL_GATE_OFF;
    } else if (!hl_preloaded_other()) {
        char output[512];
        int paused = 0;
        enum hl_wish wish =
            hl_options_read(&hl_recorder.options, hl_recorder.directory, output, PRELOADED, &paused);
        if (wish == HL_WISH_RECORD) {
            int own_session = !hl_recorder.directory[0];
            hl_recorder.has_collector = 1;
            hl_recorder.follows = 1;
            hl_platform_wipe_on_fork(&hl_gate, sizeof hl_gate);
            if (hl_recorder_start() == 0) {
                hl_answer_start();
                if (own_session) hl_recorder.has_collector = hl_collector_start(output) == 0;
                hl_recorder.paused = (uint32_t)paused;
                state = paused ? HL_GATE_OFF : open_state();
            }
        }
    }
    if (hl_recorder.problem[0]) leave_word();
    if (state != HL_GATE_OFF) hl_overhead_own(start);
    hl_store_relaxed(&hl_gate.state, state); // see hl_gate
    hl_platform_restore_signals(signals);
    errno = saved;
    return state;
}
