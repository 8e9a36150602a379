// SPDX-License-Identifier: Apache-2.0
//
// Memory for mode sample; see sample.c.
#pragma once

// Returns 0, or -1 when there is no memory.
int hl_sample_start(void);
