// SPDX-License-Identifier: Apache-2.0
//
// Variant names of scripts and recordings.
//
//     variant = [version "."] configuration | "v44trace"
//     version = "v44" | "v448" | "v53" | "v54" | "v55"
//     configuration = "none" | "light" | "comp" | "task" | "taskdel" | "taskcomp" | "trace" |
//     "tracehash"

#ifndef HL_VARIANT_H
#define HL_VARIANT_H

#include "script.h"

// Fills the script's chip options; false with the error filled.
bool hl_variant_parse(struct hl_script *script);

#endif
