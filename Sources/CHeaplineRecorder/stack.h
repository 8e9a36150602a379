// SPDX-License-Identifier: Apache-2.0
//
// Call stacks: from where a hook stands to a node id. stack.c walks (the memo), unwind_*.c know one frame's rule
// each, intern.c turns frames into ids. Read heapline_format.h's "Stacks" before.
#pragma once

#include "heapline_format.h"

#include <stddef.h>
#include <stdint.h>

// Registers of the innermost frame to be reported: the caller of the hook.
struct hl_registers {
    uintptr_t pc; // return address into the program
    uintptr_t sp; // stack pointer after that return
    uintptr_t fp; // frame pointer register at that point
};

struct hl_stack_memo; // one thread's last stack; see stack.c

// Bytes of a memo for stacks of up to `depth` frames.
size_t hl_stack_memo_bytes(uint32_t depth);

// Makes a memo in `memory` (zeroed, hl_stack_memo_bytes(depth) bytes) for a thread whose stack is
// [stack_low, stack_high); 0, 0 when the bounds are not known.
struct hl_stack_memo *hl_stack_memo_make(void *memory, uint32_t depth, uintptr_t stack_low,
                                         uintptr_t stack_high);

// The id of the stack that leads to `from`, at most `depth` frames. Async-signal-safe: takes no lock, allocates nothing
// with the traced heap, keeps errno. A nested call on the same memo (a signal handler during a capture) is noticed and unwinds
// without the memo.
// The registers of the innermost frame come one by one: a structure would go through memory, written in
// halves and read whole, which stalls.
uint32_t hl_stack_capture(struct hl_stack_memo *memo, uintptr_t pc, uintptr_t sp, uintptr_t fp, uint32_t depth);

// As hl_stack_capture, without memory of earlier stacks: the reference that tests compare with.
uint32_t hl_stack_capture_full(struct hl_registers from, uint32_t depth);

// Tells the unwinder that a module was unloaded, or another mapped in its place: cached rules and ids of
// earlier code addresses are not used any more.
void hl_stack_modules_changed(void);
// The same for the one module that lay at [start, end): ids of other code stay in use. After it is unmapped, before anything
// else is mapped there. Takes about 1 ns for each node made so far.
void hl_stack_module_gone(uintptr_t start, uintptr_t end);
// Modules were added: what was found not to be code may have become code. Ids stay as they are.
void hl_stack_modules_added(void);

// Interning (intern.c). The node table lies in the process file; the hash index beside it in private memory.
// `grow(bytes)` makes sure that the first `bytes` of the table have storage; it returns 0 when there is none left.
int hl_intern_start(struct hl_node *nodes, uint64_t *nodes_made, uint32_t capacity,
                    int (*grow)(size_t bytes));
// Empties the cache of whole stacks (stack_cache.c): their ids are those of another table of nodes.
void hl_stack_cache_start(void);
// The id of (parent, pc); HL_ROOT_TABLE_FULL when there is no room. Lock-free, async-signal-safe.
uint32_t hl_intern(uint32_t parent, uint64_t pc, uint32_t flags);
