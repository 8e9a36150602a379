// SPDX-License-Identifier: Apache-2.0
//
// Starting a collector for a program that was preloaded by hand.
#pragma once

// Starts `heapline collect` for this session, writing to `output` ("" for a name made of the program's). Returns 0, or -1 when the
// command cannot be found: the segments then pile up and are the trace.
int hl_collector_start(const char *output);
