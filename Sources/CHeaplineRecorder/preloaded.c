// SPDX-License-Identifier: Apache-2.0
//
// See preloaded.h. The preloaded library exports its interface under one name; a linked copy looks it up once.

#include "preloaded.h"

#include <dlfcn.h>
#include <stddef.h>

#if defined(HL_PRELOAD)
const struct hl_interface *hl_preloaded_other(void) {
    return NULL;
}
#else
const struct hl_interface *hl_preloaded_other(void) {
    static const struct hl_interface *found;
    static int looked;
    if (!looked) {
        // Twice by two threads at once finds the same. The name is looked up before `looked` is set; a look-up that allocates
        // comes back here through the hooks, and then records nothing yet.
        looked = 1;
        const struct hl_interface *other = dlsym(RTLD_DEFAULT, "heapline_preloaded");
        if (other && other->version == HL_FORMAT_VERSION) found = other;
    }
    return found;
}
#endif
