// SPDX-License-Identifier: Apache-2.0
//
// The public functions of heapline.h. Each first asks whether a preloaded recorder is there to be steered instead.

#include "clock.h"
#include "dump.h"
#include "modules.h"
#include "notes.h"
#include "overhead.h"
#include "platform.h"
#include "preloaded.h"
#include "record.h"
#include "sample.h"
#include "snapshot.h"

#include <string.h>

static uint32_t state_for_mode(void) {
    switch (hl_recorder.options.mode) {
    case HL_MODE_COUNT: return HL_GATE_COUNT;
    case HL_MODE_SAMPLE: return HL_GATE_SAMPLE;
    default: return HL_GATE_RECORD;
    }
}

static int running(void) {
    if (hl_load_relaxed(&hl_gate.state) == HL_GATE_WAKE) hl_gate_wake();
    return hl_recorder.started && hl_recorder.process && hl_recorder.process->state == HL_STATE_RUNNING;
}

static uint32_t starting;

static int own_start(const struct hl_options *options) {
    if (running()) return HL_ERROR_STATE;
    struct hl_options wanted = options ? *options : (struct hl_options){.depth = -1};
    if (wanted.mode > HL_MODE_ALL || wanted.depth < -1 || wanted.depth > 512 || wanted.on_full > HL_ON_FULL_OVERWRITE ||
        wanted.backend > HL_BACKEND_CAS)
        return HL_ERROR_ARGUMENT;
    if (wanted.backend == HL_BACKEND_RSEQ && !hl_platform_rseq_offset()) return HL_ERROR_UNSUPPORTED;
    if (hl_exchange(&starting, 1u)) return HL_ERROR_STATE; // by another thread, right now
    hl_exchange(&hl_gate.state, (uint32_t)HL_GATE_BUSY);
    hl_recorder.options = wanted;
    hl_recorder.has_collector = 0;
    hl_recorder.paused = 0;
    hl_recorder.follows = 0;
    hl_recorder.discarded = 0;
    hl_recorder.problem[0] = 0;
    hl_recorder.directory[0] = 0;
    if (wanted.directory) {
        strncpy(hl_recorder.directory, wanted.directory, sizeof hl_recorder.directory - 1);
        hl_recorder.has_collector = 1;
    }
    if (hl_recorder.process) {
        // A thread may still be inside an event of the recording before. It gets the time to end it; one that takes longer finds
        // everything at the same addresses (make_process), and its event becomes one of the new recording.
        uint32_t nobody = 0;
        hl_platform_wait(&nobody, 0, 2);
        hl_recorder.process = NULL;
    }
    hl_platform_wipe_on_fork(&hl_gate, sizeof hl_gate);
    const char *old_base = hl_recorder.base;
    int error = hl_recorder_start();
    if (!error && old_base) hl_threads_renewed(old_base);
    hl_store_relaxed(&hl_gate.state, error ? (uint32_t)HL_GATE_OFF : state_for_mode());
    hl_store_release(&starting, 0u); // pairs with the exchange above
    return error;
}

static int own_stop(void) {
    if (!running()) return HL_ERROR_STATE;
    hl_store_relaxed(&hl_gate.state, (uint32_t)HL_GATE_OFF);
    hl_modules_refresh();
    hl_overhead_processor();
    hl_store_release(&hl_recorder.process->state, (uint32_t)HL_STATE_ENDED); // pairs with the collector's look
    return 0;
}

static int own_pause(void) {
    if (!running()) return HL_ERROR_STATE;
    if (hl_recorder.paused) return 0;
    hl_recorder.paused = 1;
    hl_store_relaxed(&hl_gate.state, (uint32_t)HL_GATE_OFF);
    return hl_note_append(HL_NOTE_PAUSE, NULL, 0, NULL, 0) ? HL_ERROR_SYSTEM : 0;
}

static int own_resume(void) {
    if (!running()) return HL_ERROR_STATE;
    if (!hl_recorder.paused) return 0;
    hl_recorder.paused = 0;
    hl_note_append(HL_NOTE_RESUME, NULL, 0, NULL, 0);
    hl_store_relaxed(&hl_gate.state, state_for_mode());
    return 0;
}

static int own_set_depth(int32_t depth) {
    if (!running()) return HL_ERROR_STATE;
    if (depth < 0 || (uint32_t)depth > hl_recorder.max_depth) return HL_ERROR_ARGUMENT;
    hl_store_relaxed(&hl_recorder.depth, (uint32_t)depth);
    return 0;
}

static int own_note_bytes(enum hl_note_kind kind, const void *fixed, size_t fixed_bytes, const void *text,
                          size_t text_bytes) {
    if (!running()) return HL_ERROR_STATE;
    return hl_note_append(kind, fixed, fixed_bytes, text, text_bytes) ? HL_ERROR_SYSTEM : 0;
}

static int own_mark(const char *text) {
    return own_note_bytes(HL_NOTE_MARK, NULL, 0, text, strlen(text));
}

static int own_counts_now(struct hl_counts *counts) {
    running(); // in a forked child nothing of the parent's is left
    if (!hl_recorder.process || hl_recorder.discarded) return HL_ERROR_STATE;
    hl_process_counts(hl_recorder.process, counts);
    return 0;
}

static int own_snapshot(const char *path) {
    running();
    if (!hl_recorder.process || hl_recorder.discarded) return HL_ERROR_STATE;
    struct hl_quiet quiet = hl_quiet_begin();
    int error = hl_snapshot_write(path);
    hl_quiet_end(quiet);
    return error;
}

static int own_dump(void) {
    if (!running()) return HL_ERROR_STATE;
    enum hl_mode mode = hl_recorder.options.mode;
    if (!hl_recorder.has_collector || mode != HL_MODE_ALL) return HL_ERROR_UNSUPPORTED;
    return hl_dump_take(HL_DUMP_ASKED);
}

static int own_discard(void) {
    if (running() || !hl_recorder.process || hl_recorder.discarded) return HL_ERROR_STATE;
    hl_recorder.discarded = 1;
    // The first page says that the recording has ended; the rest is given back before the next recording does it.
    hl_platform_release(hl_recorder.base + HL_CORES_OFFSET, hl_recorder.bytes - HL_CORES_OFFSET);
    hl_platform_unlink(hl_recorder.path);
    hl_platform_remove_directory(hl_recorder.directory); // stays when others' files are in it
    return 0;
}

static const char *own_process_path(void) {
    running();
    return hl_recorder.process && !hl_recorder.discarded ? hl_recorder.path : NULL;
}

static void own_ignore_this_thread(int ignore) {
    running();
    hl_thread_ignore(ignore);
}

static const char *own_last_problem(void) {
    return hl_recorder.problem;
}

static uint32_t own_stack_of(const uint64_t *pcs, uint32_t count) {
    if (!hl_recorder.depth || !count) return HL_ROOT_NONE;
    uint32_t depth = count > hl_recorder.depth ? hl_recorder.depth : count;
    uint32_t stack = count > depth ? HL_ROOT_DEPTH : HL_ROOT_COMPLETE;
    for (uint32_t i = depth; i-- > 0;) stack = hl_intern(stack, pcs[i], 0);
    return stack;
}

static uint32_t own_stack_from(uintptr_t pc, uintptr_t sp, uintptr_t fp) {
    uint32_t state = hl_record_state();
    struct hl_thread *self = hl_record_begin(&state);
    if (!self || !hl_recorder.depth || (self->skip & ~HL_SKIP_TIMED && !hl_record_renew(self))) return HL_ROOT_NONE;
    return hl_stack_capture(self->memo, pc, sp, fp, hl_recorder.depth);
}

// In mode sample: whether this event is one of those to be recorded.
static int is_sampled(struct hl_thread *self, enum hl_kind kind, uint64_t address, uint64_t size) {
    if (kind == HL_KIND_ALLOC || kind == HL_KIND_REALLOC_ALLOC)
        return (self->until_sample -= (int64_t)size) <= 0 && hl_sample_take(self, address, size);
    if (kind == HL_KIND_FREE || kind == HL_KIND_REALLOC_FREE)
        return hl_sample_may_hold(address) && hl_sample_drop(address);
    return 1;
}

static void own_event_of_thread(enum hl_kind kind, uint64_t address, uint64_t size, uint32_t stack, uint32_t thread) {
    uint32_t state = hl_record_state();
    struct hl_thread *self = hl_record_begin(&state);
    if (!self || (self->skip & ~HL_SKIP_TIMED && !hl_record_renew(self)) || kind <= HL_KIND_NONE || kind >= HL_KIND_COUNT_) return;
    switch (kind) {
    case HL_KIND_REALLOC_ALLOC:
        hl_bump(&self->counts->reallocations, 1);
        // fall through
    case HL_KIND_ALLOC:
        hl_bump(&self->counts->allocations, 1);
        hl_bump(&self->counts->bytes, size);
        break;
    case HL_KIND_FREE:
    case HL_KIND_REALLOC_FREE: hl_bump(&self->counts->frees, 1); break;
    case HL_KIND_REALLOC_FAIL: hl_bump(&self->counts->frees, -1); break;
    case HL_KIND_ALLOC_FAIL: hl_bump(&self->counts->failures, 1); break;
    default: break;
    }
    if (state == HL_GATE_COUNT || (state == HL_GATE_SAMPLE && !is_sampled(self, kind, address, size))) return;
    hl_record_write(kind, address, size, hl_site(stack, thread == UINT32_MAX ? self->index : thread));
}

static void own_event(enum hl_kind kind, uint64_t address, uint64_t size, uint32_t stack) {
    own_event_of_thread(kind, address, size, stack, UINT32_MAX);
}

static uint32_t own_task_index(void) {
    return hl_add_relaxed(&hl_recorder.next_thread, 1u); // only unique
}

static int own_note_thread_named(uint32_t thread, uint32_t tid, int32_t core, const char *name) {
    struct hl_note_thread note = {.thread = thread, .tid = tid, .core = core, .is_task = 1};
    return own_note_bytes(HL_NOTE_THREAD, &note, sizeof note, name, strlen(name));
}

static const struct hl_interface own = {
    .version = HL_FORMAT_VERSION,
    .start = own_start,
    .stop = own_stop,
    .pause = own_pause,
    .resume = own_resume,
    .set_depth = own_set_depth,
    .mark = own_mark,
    .counts_now = own_counts_now,
    .snapshot = own_snapshot,
    .discard = own_discard,
    .process_path = own_process_path,
    .ignore_this_thread = own_ignore_this_thread,
    .last_problem = own_last_problem,
    .is_running = running,
    .stack_of = own_stack_of,
    .event = own_event,
    .event_of_thread = own_event_of_thread,
    .task_index = own_task_index,
    .note_thread_named = own_note_thread_named,
    .note_bytes = own_note_bytes,
    .stack_from = own_stack_from,
    .dump = own_dump,
};

static const struct hl_interface *recorder(void) {
    const struct hl_interface *other = hl_preloaded_other();
    return other ? other : &own;
}

#if defined(HL_PRELOAD)
// What a linked copy of the recorder finds and steers.
__attribute__((visibility("default"))) extern const struct hl_interface heapline_preloaded
    __attribute__((alias("own")));
#endif

int hl_start(const struct hl_options *options) {
    return recorder()->start(options);
}
int hl_stop(void) {
    return recorder()->stop();
}
int hl_pause(void) {
    return recorder()->pause();
}
int hl_resume(void) {
    return recorder()->resume();
}
int hl_set_depth(int32_t depth) {
    return recorder()->set_depth(depth);
}
int hl_mark(const char *text) {
    return recorder()->mark(text);
}
int hl_counts_now(struct hl_counts *counts) {
    return recorder()->counts_now(counts);
}
int hl_snapshot(const char *path) {
    return recorder()->snapshot(path);
}
int hl_dump(void) {
    return recorder()->dump();
}
int hl_discard(void) {
    return recorder()->discard();
}
const char *hl_process_path(void) {
    return recorder()->process_path();
}
void hl_ignore_this_thread(int ignore) {
    recorder()->ignore_this_thread(ignore);
}
const char *hl_last_problem(void) {
    return recorder()->last_problem();
}
// Weak: nothing of the hooks comes into a program that did not link them.
extern const int hl_hooks_are_linked __attribute__((weak));

int hl_has_hooks(void) {
    return hl_preloaded_other() != NULL || &hl_hooks_are_linked != NULL;
}
int hl_is_running(void) {
    return recorder()->is_running();
}
__attribute__((noinline)) uint32_t hl_stack_here(void) {
    struct hl_registers here = hl_here();
    return recorder()->stack_from(here.pc, here.sp, here.fp);
}
uint32_t hl_stack_of(const uint64_t *pcs, uint32_t count) {
    return recorder()->stack_of(pcs, count);
}
void hl_event(enum hl_kind kind, uint64_t address, uint64_t size, uint32_t stack) {
    recorder()->event(kind, address, size, stack);
}
void hl_event_of_thread(enum hl_kind kind, uint64_t address, uint64_t size, uint32_t stack, uint32_t thread) {
    recorder()->event_of_thread(kind, address, size, stack, thread);
}
uint32_t hl_task_index(void) {
    return recorder()->task_index();
}
int hl_note_thread_named(uint32_t thread, uint32_t tid, int32_t core, const char *name) {
    return recorder()->note_thread_named(thread, tid, core, name);
}
int hl_note_bytes(enum hl_note_kind kind, const void *fixed, size_t fixed_bytes, const void *text, size_t text_bytes) {
    return recorder()->note_bytes(kind, fixed, fixed_bytes, text, text_bytes);
}
