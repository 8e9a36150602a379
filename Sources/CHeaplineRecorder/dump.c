// SPDX-License-Identifier: Apache-2.0
//
// See dump.h. Order: the other threads stop, maps and memory are read, the threads go on, the image gets its name. Whoever collects finds
// whole images only. What a dump holds in memory while it runs is some 4 MiB, whatever the size of the heap.

#include "dump.h"
#include "clock.h"
#include "image.h"
#include "notes.h"
#include "overhead.h"
#include "recorder.h"
#include "thread.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define MOST_THREADS 4096u
#define MOST_AREAS 32768u
#define MOST_OWN 1024u
#define MOST_ENDED 4096u
#define DEFAULT_LIMIT ((uint64_t)4 << 30)

struct work {
    struct hl_image_area areas[MOST_AREAS];
    struct hl_range targets[MOST_AREAS];
    struct hl_range own[MOST_OWN];
    uint64_t ended[MOST_ENDED];
    char image[HL_IMAGE_WORK_BYTES];
};

static struct hl_image_thread *threads; // mapped once: a thread that answers late still finds it
static uint32_t dumping;
static uint32_t taken;

static int say(enum hl_dump_reason reason, const char *problem, uint64_t number) {
    char text[160];
    snprintf(text, sizeof text, "%s%s", reason == HL_DUMP_EXIT ? "exit" : "asked", *problem ? ": " : "");
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, problem, (unsigned long long)number);
    hl_note_append(HL_NOTE_DUMP, NULL, 0, text, strlen(text));
    return *problem ? HL_ERROR_SYSTEM : 0;
}

static int put(int file, const void *bytes, size_t count) {
    return count ? hl_platform_write_all(file, bytes, count) : 0;
}

// Writes an image of a world that stands still. 0, or why not, with the number in it.
static const char *write_image(int file, struct work *work, uint32_t thread_count, enum hl_dump_reason reason,
                               uint64_t *number) {
    struct hl_image image = {
        .magic = HL_IMAGE_MAGIC,
        .version = HL_IMAGE_VERSION,
        .ticks = hl_clock_counter() - hl_recorder.clock_base,
        .reason = reason,
        .thread_count = thread_count,
        .ended_count = hl_world_ended(work->ended, MOST_ENDED),
    };
    struct hl_address_space space = {.areas = work->areas, .targets = work->targets, .most = MOST_AREAS};
    if (hl_address_space_read(&space, work->own, hl_platform_own(work->own, MOST_OWN)))
        return "the list of mappings could not be read";
    image.area_count = space.area_count;
    uint64_t limit = hl_recorder.options.verdict_bytes ? hl_recorder.options.verdict_bytes : DEFAULT_LIMIT;
    uint64_t resident = hl_image_resident(&space);
    *number = (resident + (1u << 20) - 1) >> 20;
    if (resident > limit) return "the program has %llu MiB of memory, more than a search may take";
    if (put(file, &image, sizeof image) || put(file, threads, thread_count * sizeof *threads) ||
        put(file, work->ended, image.ended_count * sizeof *work->ended) ||
        put(file, work->areas, image.area_count * sizeof *work->areas))
        return "the session directory has no room for an image";
    switch (hl_image_write_pages(file, &space, work->image, limit)) {
    case 0: return NULL;
    case HL_IMAGE_UNREADABLE: return "the system does not let a process read its own memory safely";
    default: return "the session directory has no room for an image";
    }
}

__attribute__((noinline)) static int take(enum hl_dump_reason reason, uintptr_t stack_pointer) {
    struct work *work = hl_platform_map(sizeof *work);
    if (!threads) threads = hl_platform_map(MOST_THREADS * sizeof *threads);
    if (!work || !threads) return say(reason, "no memory for a search", 0);
    char path[sizeof hl_recorder.path + 32], hidden[sizeof path + 8];
    size_t stem = strlen(hl_recorder.path) - strlen(".process");
    snprintf(path, sizeof path, "%.*s.%u.image", (int)stem, hl_recorder.path, ++taken);
    snprintf(hidden, sizeof hidden, "%s.new", path);
    int file = hl_platform_open(hidden, O_WRONLY | O_CREAT | O_TRUNC);
    const char *problem = "no file could be made in the session directory";
    uint64_t number = 0;
    if (file >= 0) {
        uint32_t count = hl_world_stop(threads, MOST_THREADS, stack_pointer);
        problem = write_image(file, work, count, reason, &number);
        hl_world_go();
        hl_platform_close(file);
        if (!problem && hl_platform_rename(hidden, path)) problem = "the image could not be named";
        if (problem) {
            hl_platform_unlink(hidden);
            taken--;
        }
    }
    hl_platform_unmap(work, sizeof *work);
    return say(reason, problem ? problem : "", number);
}

__attribute__((noinline)) int hl_dump_take(enum hl_dump_reason reason) {
    if (hl_exchange(&dumping, 1u)) return HL_ERROR_STATE; // by another thread, or by ourselves further out
    // What the program had in registers that survive calls is spilled into this frame, and the stack is searched from here on.
    __builtin_unwind_init();
    uintptr_t stack_pointer;
#if defined(__x86_64__)
    __asm__ volatile("movq %%rsp, %0" : "=r"(stack_pointer));
#else
    __asm__ volatile("mov %0, sp" : "=r"(stack_pointer));
#endif
    int saved = errno;
    uint64_t start = hl_clock_counter();
    struct hl_quiet quiet = hl_quiet_begin();
    int error = take(reason, stack_pointer);
    hl_quiet_end(quiet);
    hl_overhead_search(start);
    errno = saved;
    hl_store_release(&dumping, 0u); // pairs with the exchange above
    return error;
}

void hl_dump_at_exit(void) {
    // A child that never recorded, or a vfork child that gives up with _exit and has our memory, is not us.
    if (!hl_recorder.process || hl_recorder.pid != hl_platform_pid() || hl_recorder.process->state != HL_STATE_RUNNING) return;
    uint32_t state = hl_load_relaxed(&hl_gate.state); // see hl_gate
    int is_recording = state == HL_GATE_RECORD || (state == HL_GATE_OFF && hl_recorder.paused);
    if (is_recording && hl_recorder.options.verdicts && hl_recorder.has_collector) hl_dump_take(HL_DUMP_EXIT);
    hl_overhead_processor();
}
