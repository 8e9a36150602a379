// SPDX-License-Identifier: Apache-2.0
//
// The tables of this folder, one file per target; layout.c lists them.

#ifndef HL_LAYOUTS_H
#define HL_LAYOUTS_H

#include "heapline_layout.h"

#define HL_COUNT(array) ((uint8_t)(sizeof(array) / sizeof((array)[0])))

extern const struct hl_layout hl_layout_esp32;
extern const struct hl_layout hl_layout_esp32s2;
extern const struct hl_layout hl_layout_esp32s3;
extern const struct hl_layout hl_layout_esp32c2;
extern const struct hl_layout hl_layout_esp32c3;
extern const struct hl_layout hl_layout_esp32c5;
extern const struct hl_layout hl_layout_esp32c6;
extern const struct hl_layout hl_layout_esp32c61;
extern const struct hl_layout hl_layout_esp32h2;
extern const struct hl_layout hl_layout_esp32h21;
extern const struct hl_layout hl_layout_esp32h4;
extern const struct hl_layout hl_layout_esp32p4;
extern const struct hl_layout hl_layout_esp32p4_rev_lt_v3;
extern const struct hl_layout hl_layout_esp32s31;

#endif
