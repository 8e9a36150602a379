// SPDX-License-Identifier: Apache-2.0
//
// Only in the preloaded library: recording starts before main even in a program that never allocates, so that its
// trace says so.

#include "record.h"

#if defined(HL_PRELOAD)
__attribute__((constructor)) static void wake(void) {
    if (hl_load_relaxed(&hl_gate.state) == HL_GATE_WAKE) hl_gate_wake(); // see hl_gate
}
#endif
