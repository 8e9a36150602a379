// SPDX-License-Identifier: Apache-2.0
//
// A task's stack and control block in the emulated heap, allocated and freed in the chip's order.

#pragma once

#include <stdbool.h>
#include <stdint.h>

// Size of the control block: 340 bytes on every chip since v5.5, measured from its examples' tables (344-byte blocks
// with the owner word).
enum { HL_TASK_CONTROL_BYTES = 340 };

bool hl_task_memory_allocate(uint32_t stack_bytes, uint32_t stack_caps, void **stack, void **control);
void hl_task_memory_free(void *stack, void *control);
