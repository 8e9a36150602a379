// SPDX-License-Identifier: Apache-2.0
//
// A dump: what of the program's memory a reader needs to tell which live blocks are still reachable, left as a file beside the process
// file (PATH.1.image, PATH.2.image, … for PATH.process). The process does not know which blocks are alive, and need not: who reads
// the trace does. Nothing here takes a lock, allocates from the heap, or waits for another process.
#pragma once

#include "heapline_format.h"

// Takes one. Async-signal-safe. 0 or a negative hl_error; what went wrong is noted in the trace.
int hl_dump_take(enum hl_dump_reason reason);
// At the program's end: takes one if this process records, and was asked to.
void hl_dump_at_exit(void);
