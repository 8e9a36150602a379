// SPDX-License-Identifier: Apache-2.0
//
// A host thread as a task: it has a handle, a name and a core, and memory in the heap, but no scheduler.  One at a time
// runs on each core, so what belongs to a core has one user.

#include <stdio.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "heapline_chip.h"
#include "heapline_trace.h"
#include "kernel.h"
#include "task_memory.h"

static pthread_mutex_t core_tokens[HL_KERNEL_CORES] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};

static uint32_t current_task(void *context) {
    (void)context;
    const struct hl_task *self = hl_task_self;
    const struct hl_chip *chip = hl_chip_current();
    return self && chip ? hl_chip_address(chip, self->handle) : 0;
}

static const char *task_name(void *context, uint32_t task) {
    const struct hl_task *self = hl_task_self;
    return self && current_task(context) == task ? self->name : NULL;
}

static unsigned core_id(void *context) {
    (void)context;
    const struct hl_task *self = hl_task_self;
    return self && self->core > 0 ? (unsigned)self->core : 0;
}

void hl_port_use_tasks(struct hl_port *port) {
    port->current_task = current_task;
    port->task_name = task_name;
    port->core_id = core_id;
}

esp_err_t hl_chip_run_task(struct hl_chip *chip, unsigned core, const char *name, uint32_t stack_bytes,
                           void (*function)(void *), void *context) {
    if (core >= HL_KERNEL_CORES || (core > 0 && hl_chip_options(chip)->single_core))
        return ESP_ERR_INVALID_ARG;
    if (hl_task_self || hl_kernel.started)
        return ESP_ERR_INVALID_STATE;
    struct hl_chip *before = hl_chip_use(chip);
    void *stack, *control;
    bool has_memory =
        hl_task_memory_allocate(stack_bytes, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT, &stack, &control);
    if (has_memory) {
        struct hl_task task = {
            .handle = control,
            .stack = stack,
            .stack_bytes = stack_bytes,
            .affinity = (BaseType_t)core,
            .state = HL_TASK_RUNNING,
            .core = (int)core,
        };
        snprintf(task.name, sizeof task.name, "%s", name);
        pthread_mutex_lock(&core_tokens[core]);
        hl_task_self = &task;
        function(context);
        hl_task_self = NULL;
        pthread_mutex_unlock(&core_tokens[core]);
        hl_task_memory_free(stack, control);
    }
    hl_chip_use(before);
    return has_memory ? ESP_OK : ESP_ERR_NO_MEM;
}
