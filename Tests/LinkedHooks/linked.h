// SPDX-License-Identifier: Apache-2.0
//
// A program that links the recorder and the hooks: malloc of the whole process is recorded between hl_start() and hl_stop().
// One behaviour per file; its header comment gives the counts that its traces must show. Between start and stop
// nothing is called that allocates by itself.
#pragma once

#include "heapline.h"

#include <stddef.h>

// Blocks that must not be optimised away.
extern void *volatile linked_sink;

// What every behaviour is told on the command line: linked NAME BACKEND TRACE.
struct linked {
    struct hl_options options;
    const char *trace;
};

// Allocates `count` blocks of `bytes` and frees them unless they are to `stay`.
void linked_blocks(int count, size_t bytes, int stay);
// Stops, writes the trace to `path` and discards. 0 when all of it went well.
int linked_finish(const char *path);
// Ends the process with `status` unless `fine`.
void linked_require(int fine, int status);

int linked_whole(const struct linked *linked);
int linked_steer(const struct linked *linked);
int linked_twice(const struct linked *linked);
int linked_busy(const struct linked *linked);
int linked_fork(const struct linked *linked);
int linked_overwrite(const struct linked *linked);
int linked_under(const struct linked *linked);
