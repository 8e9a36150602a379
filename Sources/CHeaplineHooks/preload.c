// SPDX-License-Identifier: Apache-2.0
//
// Only in the preloaded library: recording starts before main even in a program that never allocates, so that its
// trace says so; and a program whose allocations do not come by here is told apart from one that makes none.

#include "notes.h"
#include "record.h"

#include <dlfcn.h>
#include <string.h>

#if defined(HL_PRELOAD)
// Whether a block from `take` comes by here. It is our own event and leaves no trace.
static int comes_by(void *(*take)(size_t), void (*give)(void *)) {
    struct hl_quiet quiet = hl_quiet_begin();
    if (!quiet.self) return 1; // nothing is recorded anyway
    uint32_t before = quiet.self->skipped;
    void *block = take(1);
    int is_seen = quiet.self->skipped != before;
    give(block);
    hl_quiet_end(quiet);
    return is_seen;
}

// The malloc that the program finds first may be its own. It may also pass all on to ours (our hooks, linked into the program,
// do), or be the program's entry for ours: so it is tried, once.
static void look_for_another_malloc(void) {
    void *first = dlsym(RTLD_DEFAULT, "malloc"), *give = dlsym(RTLD_DEFAULT, "free"); // both are everywhere
    Dl_info of_first, of_us;
    static const char here;
    if (!first || !give || !dladdr(first, &of_first) || !dladdr(&here, &of_us) || of_first.dli_fbase == of_us.dli_fbase) return;
    if (!hl_thread_self) hl_thread_enter();
    if (hl_record_state() <= HL_GATE_BUSY || comes_by((void *(*)(size_t))first, (void (*)(void *))give)) return;
    static const char why[] = "it brings its own malloc, which comes before Heapline's: what it allocates there was not recorded";
    hl_note_append(HL_NOTE_PROBLEM, NULL, 0, why, sizeof why - 1);
}

__attribute__((constructor)) static void wake(void) {
    if (hl_load_relaxed(&hl_gate.state) == HL_GATE_WAKE) hl_gate_wake(); // see hl_gate
    look_for_another_malloc();
}
#endif
