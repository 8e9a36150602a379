// SPDX-License-Identifier: Apache-2.0
//
// Call stacks of traced operations: host return addresses, or what a tool hands in.

#pragma once

#include <stdint.h>

// Writes exactly `depth` entries, innermost caller first, null-filled.  The frames of this library are left out.
void hl_trace_stack(uint64_t *frames, uint32_t depth, const void *frame);

// Stacks come from `provider` instead, e.g. from a script; NULL: from the host stack again.  Not while tracing.
typedef uint32_t (*hl_trace_stack_provider)(void *context, uint64_t *frames, uint32_t depth);
void hl_trace_set_stack_provider(hl_trace_stack_provider provider, void *context);
