// SPDX-License-Identifier: Apache-2.0
//
// A trace file written by the program itself, without a collector.
#pragma once

#include "heapline.h"

// Sums of all threads, living and ended, and losses. Exact when the other threads stand still.
void hl_process_counts(const struct hl_process *process, struct hl_counts *counts);
// Writes what is in the buffers to `path`. Returns 0 or HL_ERROR_SYSTEM.
int hl_snapshot_write(const char *path);
