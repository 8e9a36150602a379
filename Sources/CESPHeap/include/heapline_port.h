// SPDX-License-Identifier: Apache-2.0
//
// What an emulated chip needs from its surroundings: who runs, where text goes, what a fault does,
// what sees allocations. The tasks runtime, the script runner and the Swift wrapper each fill in a
// port; a null member takes the default of port.c (one thread, no tasks, standard output, faults
// printed and recorded).

#ifndef HEAPLINE_PORT_H
#define HEAPLINE_PORT_H

#include <stddef.h>
#include <stdint.h>

#include "heapline_nullability.h"

#ifdef __cplusplus
extern "C" {
#endif

HL_ASSUME_NONNULL_BEGIN

struct hl_chip;

/// Why the chip would have stopped.
enum hl_fault_kind {
    HL_FAULT_NONE,
    HL_FAULT_ASSERT,  ///< An assertion of the heap component.
    HL_FAULT_CORRUPT, ///< A damaged canary or a pointer that is no block; messages were printed
                      ///< before.
    HL_FAULT_ACCESS,  ///< An access outside mapped memory, or misaligned.
    HL_FAULT_ABORT,   ///< Abort asked for when an allocation fails.
};

/// A stop of the chip, as an event on the host.
struct hl_fault {
    enum hl_fault_kind kind;
    uint32_t address; ///< The chip address concerned, or 0.
    char text[200];   ///< What the chip's console shows, without a newline.
};

/// The base function behind an allocation (all of ESP-IDF's allocation functions end in one of
/// these), or the public function where the older generations differ.
enum hl_entry {
    HL_ENTRY_MALLOC,          ///< heap_caps_malloc
    HL_ENTRY_CALLOC,          ///< heap_caps_calloc
    HL_ENTRY_REALLOC,         ///< heap_caps_realloc
    HL_ENTRY_ALIGNED,         ///< heap_caps_aligned_alloc, heap_caps_aligned_calloc
    HL_ENTRY_FREE,            ///< heap_caps_free
    HL_ENTRY_MALLOC_DEFAULT,  ///< malloc
    HL_ENTRY_REALLOC_DEFAULT, ///< realloc
    HL_ENTRY_ALIGNED_DEFAULT, ///< aligned_alloc, memalign
    HL_ENTRY_MALLOC_PREFER,   ///< heap_caps_malloc_prefer, once per capability set tried
    HL_ENTRY_REALLOC_PREFER,  ///< heap_caps_realloc_prefer, likewise
    HL_ENTRY_CALLOC_PREFER,   ///< heap_caps_calloc_prefer, likewise
};

/// One traced call, from before it to after it. `scratch` belongs to the tracer.
struct hl_traced_call {
    enum hl_entry entry;  ///< The function called.
    void *_Nullable old;  ///< realloc, free: the pointer given.
    size_t size;          ///< As passed to the base function.
    uint32_t caps;        ///< As passed to the base function.
    const void *frame;    ///< Frame of the public function called: its caller is the innermost of the call stack.
    uint64_t scratch[4];
};

/// Sees every traced call of one chip. No lock is held during the calls.
struct hl_tracer {
    void *_Nullable context;
    /// Before a base function that allocates and does nothing else.
    void (*_Nullable before_allocation)(void *_Nullable context, struct hl_chip *chip, struct hl_traced_call *call);
    /// Before free and realloc.
    void (*before)(void *_Nullable context, struct hl_chip *chip, struct hl_traced_call *call);
    /// After the base function, with its result; not after HL_ENTRY_FREE.
    void (*after)(void *_Nullable context, struct hl_chip *chip, struct hl_traced_call *call,
                  void *_Nullable result);
    /// The chip is about to be destroyed; it calls nothing of this afterwards.
    void (*_Nullable chip_ends)(void *_Nullable context, struct hl_chip *chip);
};

/// The surroundings of one chip.
struct hl_port {
    void *_Nullable context;
    /// Handle of the running task as a chip address; 0 before the scheduler runs.
    uint32_t (*_Nullable current_task)(void *_Nullable context);
    /// Name of a task, or null when unknown.
    const char *_Nullable (*_Nullable task_name)(void *_Nullable context, uint32_t task);
    /// The core the caller runs on.
    unsigned (*_Nullable core_id)(void *_Nullable context);
    /// The cycle counter of that core.
    uint32_t (*_Nullable cycle_count)(void *_Nullable context);
    /// Everything the chip prints: log lines, dumps, messages. Not null-terminated.
    void (*_Nullable print)(void *_Nullable context, const char *text, size_t length);
    /// The chip stopped. No lock is held: the handler may leave by longjmp, end the task, or
    /// return, and then the faulting call returns null. The text was printed already.
    void (*_Nullable fault)(void *_Nullable context, const struct hl_fault *fault);
    /// Called while a heap's lock is held by another thread for long; the default yields the
    /// processor.
    void (*_Nullable wait)(void *_Nullable context);
    /// The heap hooks (CONFIG_HEAP_USE_HOOKS); null calls the program's own weak hooks, if it has
    /// any.
    void (*_Nullable alloc_hook)(void *_Nullable context, void *ptr, size_t size, uint32_t caps);
    void (*_Nullable free_hook)(void *_Nullable context, void *ptr);
};

HL_ASSUME_NONNULL_END

#ifdef __cplusplus
}
#endif

#endif
