// SPDX-License-Identifier: Apache-2.0
//
// Heap tracing's side of start-up.

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct hl_chip;

// Makes `chip` the traced one.  `hash_map_entries` 0: records are searched in list order, as without the hash map.
void hl_heap_trace_attach(struct hl_chip *chip, uint32_t hash_map_entries, bool hash_map_external);

// Ends tracing for good; the chip may go away afterwards.
void hl_heap_trace_detach(void);
