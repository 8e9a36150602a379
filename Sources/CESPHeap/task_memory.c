// SPDX-License-Identifier: Apache-2.0
//
// See task_memory.h.  The stack comes first, then the control block; deletion frees the stack, then the control block.

#include "task_memory.h"

#include <string.h>

#include "esp_heap_caps.h"

enum { STACK_FILL_BYTE = 0xA5 };

bool hl_task_memory_allocate(uint32_t stack_bytes, uint32_t stack_caps, void **stack, void **control) {
    void *stack_block = heap_caps_malloc(stack_bytes, stack_caps);
    if (!stack_block)
        return false;
    void *control_block = heap_caps_malloc(HL_TASK_CONTROL_BYTES, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
    if (!control_block) {
        heap_caps_free(stack_block);
        return false;
    }
    memset(stack_block, STACK_FILL_BYTE, stack_bytes);
    *stack = stack_block;
    *control = control_block;
    return true;
}

void hl_task_memory_free(void *stack, void *control) {
    heap_caps_free(stack);
    heap_caps_free(control);
}
