// SPDX-License-Identifier: Apache-2.0
//
// Stops the program's other threads for the moment of a dump, and tells where each stands. Without ptrace: each is sent a signal
// whose handler notes its registers and waits. No lock is taken and nothing is allocated, so a thread may be stopped anywhere.
#pragma once

#include "heapline_format.h"

// Stops them and fills `threads`, the caller first; returns how many, `most` at most. Each call is followed by hl_world_go().
uint32_t hl_world_stop(struct hl_image_thread *threads, uint32_t most, uintptr_t stack_pointer);
void hl_world_go(void);

// A thread ends, or begins, on the stack that holds this thread pointer.
void hl_world_thread_ends(uintptr_t thread_pointer);
void hl_world_thread_begins(uintptr_t thread_pointer);
// Thread pointers of threads that have ended and whose stacks may still be there; returns how many.
uint32_t hl_world_ended(uint64_t *thread_pointers, uint32_t most);
