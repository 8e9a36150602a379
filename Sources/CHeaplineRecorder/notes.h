// SPDX-License-Identifier: Apache-2.0
//
// Things said once, appended to the process file's notes. Lock-free and async-signal-safe; a full area loses the note
// and counts it as a problem.
#pragma once

#include "recorder.h"

// Appends a note of `fixed` and then `text` bytes, either of which may be absent. Returns 0, or -1 when there is no room.
int hl_note_append(enum hl_note_kind kind, const void *fixed, size_t fixed_bytes, const void *text, size_t text_bytes);
