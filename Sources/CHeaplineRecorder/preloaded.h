// SPDX-License-Identifier: Apache-2.0
//
// One recorder, not two: a program that links the recorder and runs under the preloaded library steers that one.
#pragma once

#include "heapline.h"

// The public functions of a recorder.
struct hl_interface {
    uint32_t version; // HL_FORMAT_VERSION
    int (*start)(const struct hl_options *);
    int (*stop)(void);
    int (*pause)(void);
    int (*resume)(void);
    int (*set_depth)(int32_t);
    int (*mark)(const char *);
    int (*counts_now)(struct hl_counts *);
    int (*snapshot)(const char *);
    int (*discard)(void);
    const char *(*process_path)(void);
    void (*ignore_this_thread)(int);
    const char *(*last_problem)(void);
    int (*is_running)(void);
    uint32_t (*stack_of)(const uint64_t *, uint32_t);
    void (*event)(enum hl_kind, uint64_t, uint64_t, uint32_t);
    void (*event_of_thread)(enum hl_kind, uint64_t, uint64_t, uint32_t, uint32_t);
    uint32_t (*task_index)(void);
    int (*note_thread_named)(uint32_t, uint32_t, int32_t, const char *);
    int (*note_bytes)(enum hl_note_kind, const void *, size_t, const void *, size_t);
    uint32_t (*stack_from)(uintptr_t pc, uintptr_t sp, uintptr_t fp);
    int (*dump)(void);
};

// The preloaded library's recorder when there is one and we are not it, else NULL.
const struct hl_interface *hl_preloaded_other(void);
