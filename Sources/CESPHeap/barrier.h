// SPDX-License-Identifier: Apache-2.0
//
// A barrier that one thread makes all others of the process pass (membarrier), so that those need none of their own:
// how one pays for a protocol whose other side must cost nothing. Used by lock.c and by the rings of heap tracing.

#ifndef HL_BARRIER_H
#define HL_BARRIER_H

#include <stdbool.h>

// Whether the kernel has it. The first call registers the process; cheap afterwards.
bool hl_barrier_is_available(void);

// After this, every other thread has passed a full barrier. REQUIRES: hl_barrier_is_available().
void hl_barrier_for_all(void);

#endif
