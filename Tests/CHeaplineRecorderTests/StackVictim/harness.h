// SPDX-License-Identifier: Apache-2.0
//
// What the stack victims share: probe(), which stands where malloc would, and compares three stacks frame by frame:
// hl_stack_capture (with the thread's memo), hl_stack_capture_full, and the C runtime's _Unwind_Backtrace.
#pragma once

#if defined(__cplusplus)
extern "C" {
#endif

#include <stdint.h>

// Captures and compares. A mismatch is printed, up to a few, and counted.
void probe(void);
// Until called with NULL: probes where the C runtime cannot unwind. The innermost `count` frames must lie in `places`, each
// taken to be 256 bytes long, and the stack end for the reason `root` (0: any).
void harness_expect(const void *const *places, unsigned count, uint32_t root);

// Once per process and once per thread, before its first probe.
void harness_start(unsigned depth);
void harness_start_thread(void);
void harness_modules_changed(void);

// Repeatable choices; each thread has its own.
void harness_seed(uint64_t seed);
unsigned harness_random(void);

// Something the compiler cannot know.
extern volatile int harness_sink;

// The victims. Each runs `rounds` rounds.
void victim_recursion(int rounds);
void victim_jumps(int rounds);
void victim_contexts(int rounds);
void victim_signals(int rounds);
void victim_threads(int rounds);
void victim_assembly(int rounds);
void victim_modules(int rounds);
void victim_exceptions(int rounds);
void victim_debug_frame(int rounds);

#if defined(__cplusplus)
}
#endif
