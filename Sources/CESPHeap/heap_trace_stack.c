// SPDX-License-Identifier: Apache-2.0
//
// Walks the chain of frame pointers.  Each link must lie above the last one and inside the thread's stack, so code
// without frame pointers gives a short stack, never a fault.  heapline esp run compiles firmware with frame pointers.

#include "heap_trace_stack.h"

#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernel.h"

enum { FRAMES_LOOKED_AT = 64 };

static hl_trace_stack_provider given_provider;
static void *given_context;

// The text of this library when it is a module of its own; empty when linked into the program.
static uintptr_t library_low, library_high;

static _Thread_local uintptr_t stack_low, stack_high;

static int find_library(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    bool *is_first = context;
    bool is_program = *is_first;
    *is_first = false;
    uintptr_t self = (uintptr_t)&hl_trace_stack;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t low = info->dlpi_addr + header->p_vaddr;
        if (header->p_type != PT_LOAD || self < low || self >= low + header->p_memsz)
            continue;
        if (!is_program) {
            library_low = low;
            library_high = low + header->p_memsz;
        }
        return 1;
    }
    return 0;
}

__attribute__((constructor)) static void look_for_library(void) {
    bool is_first = true;
    dl_iterate_phdr(find_library, &is_first);
}

static void find_stack(void) {
    const struct hl_task *self = hl_task_self;
    if (self && self->host_stack_low) {
        stack_low = (uintptr_t)self->host_stack_low;
        stack_high = (uintptr_t)self->host_stack_high;
        return;
    }
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return;
    void *low = NULL;
    size_t size = 0;
    pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_destroy(&attributes);
    stack_low = (uintptr_t)low;
    stack_high = (uintptr_t)low + size;
}

void hl_trace_set_stack_provider(hl_trace_stack_provider provider, void *context) {
    given_provider = provider;
    given_context = context;
}

__attribute__((no_sanitize("address", "thread"))) void hl_trace_stack(uint64_t *frames, uint32_t depth,
                                                                      const void *frame) {
    uint32_t count = 0;
    if (given_provider) {
        count = given_provider(given_context, frames, depth);
    } else if (depth > 0) {
        if (stack_high == 0)
            find_stack();
        uintptr_t at = (uintptr_t)frame;
        for (unsigned looked = 0; looked < FRAMES_LOOKED_AT && count < depth; looked++) {
            if (at < stack_low || at + 2 * sizeof(uintptr_t) > stack_high || at % sizeof(uintptr_t) != 0)
                break;
            uintptr_t caller = ((const uintptr_t *)at)[1];
            uintptr_t next = ((const uintptr_t *)at)[0];
            if (caller < 4096)
                break;
            bool is_own = caller >= library_low && caller < library_high;
            // Above the task's function there is only the thread's start.
            if (is_own && count > 0)
                break;
            if (!is_own)
                frames[count++] = caller;
            if (next <= at)
                break;
            at = next;
        }
    }
    while (count < depth)
        frames[count++] = 0;
}
