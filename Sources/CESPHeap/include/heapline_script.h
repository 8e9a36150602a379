// SPDX-License-Identifier: Apache-2.0
//
// Runs heap operations written as text, one per line, and prints one result line for each: the way
// to reproduce a heap problem, and the form in which ESP-IDF's own behaviour was recorded. The
// operations are listed in Sources/CESPHeap/script; `heapline esp script` is the command.

#ifndef HEAPLINE_SCRIPT_H
#define HEAPLINE_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

#include "heapline_chip.h"
#include "heapline_nullability.h"

#ifdef __cplusplus
extern "C" {
#endif

HL_ASSUME_NONNULL_BEGIN

struct hl_script_options {
    const char *target;  ///< "esp32s3"
    const char *variant; ///< "none", "light", "comp", "task", "taskdel", "taskcomp", with "v44." or
                         ///< "v53." in front, …
    enum hl_mapping mapping;
    void *_Nullable context;
    /// Receives the output, in pieces of any size.
    void (*output)(void *_Nullable context, const char *text, size_t length);
};

/// Why a script was refused.
struct hl_script_error {
    size_t line; ///< Number of the line, from 1; 0 when it is not about a line.
    char message[200];
};

/// Runs the whole text. 0, or -1 with `error` filled; output up to the bad line has been given
/// then.
int hl_script_run(const char *text, size_t length, const struct hl_script_options *options,
                  struct hl_script_error *error);

HL_ASSUME_NONNULL_END

#ifdef __cplusplus
}
#endif

#endif
