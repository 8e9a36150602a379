// SPDX-License-Identifier: Apache-2.0
//
// dlclose: what is about to go is noted before it goes, and that it went right after, so that another library at the same place is
// never taken for it. dlopen is not hooked: it looks at its caller (run path, namespace), and new code is
// noted when a buffer segment is full, before the next dlclose and at the end.

#include "modules.h"
#include "next.h"
#include "record.h"

__attribute__((visibility("default"))) int dlclose(void *library) {
    hl_next_find_rare((void **)&hl_next.dlclose, "dlclose");
    uint32_t state = hl_load_relaxed(&hl_gate.state);
    if (state > HL_GATE_BUSY) hl_modules_refresh();
    int result = hl_next.dlclose(library);
    if (state > HL_GATE_BUSY) hl_modules_refresh();
    return result;
}
