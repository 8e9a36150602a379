// SPDX-License-Identifier: Apache-2.0
//
// How `heapline run` tells the recorder what to do: environment variables, read without libc since the first
// allocation may come before libc has set up its own.
#pragma once

#include "heapline.h"

// What the environment says.
enum hl_wish {
    HL_WISH_NOTHING = 0, // no HEAPLINE_ variable that starts a recording
    HL_WISH_RECORD = 1,
    HL_WISH_OFF = 2,     // HEAPLINE=0, or this process is not the one to follow
};

// Reads the environment into `options` and `directory` (HEAPLINE_SESSION; empty when unset).
// `preloaded` starts a recording even without variables.
enum hl_wish hl_options_read(struct hl_options *options, char directory[512], char output[512], int preloaded,
                             int *paused);
// Copies the value of NAME to `value`. 1 when it is set.
int hl_environment_get(const char *name, char *value, size_t bytes);
