// SPDX-License-Identifier: Apache-2.0
//
// The targets in the order of ESP-IDF's documents.

#include <string.h>

#include "layouts/layouts.h"

static const struct hl_layout *const layouts[] = {
    &hl_layout_esp32,
    &hl_layout_esp32s2,
    &hl_layout_esp32s3,
    &hl_layout_esp32c2,
    &hl_layout_esp32c3,
    &hl_layout_esp32c5,
    &hl_layout_esp32c6,
    &hl_layout_esp32c61,
    &hl_layout_esp32h2,
    &hl_layout_esp32h21,
    &hl_layout_esp32h4,
    &hl_layout_esp32p4,
    &hl_layout_esp32p4_rev_lt_v3,
    &hl_layout_esp32s31,
};

const struct hl_layout *hl_layout_at(size_t index) {
    return index < HL_COUNT(layouts) ? layouts[index] : NULL;
}

const struct hl_layout *hl_layout_named(const char *target) {
    for (size_t i = 0; i < HL_COUNT(layouts); i++)
        if (strcmp(layouts[i]->target, target) == 0)
            return layouts[i];
    return NULL;
}
