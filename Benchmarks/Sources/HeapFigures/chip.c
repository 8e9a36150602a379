// SPDX-License-Identifier: Apache-2.0
//
// See chip.h.

#include "chip.h"

#include <stdio.h>
#include <stdlib.h>

#include "esp_heap_caps_init.h"
#include "heapline_trace.h"

static void print_nothing(void *context, const char *text, size_t length) {
    (void)context;
    (void)text;
    (void)length;
}

struct measured_chip measured_chip_make(const char *target, enum hl_poisoning poisoning, int with_tasks) {
    struct hl_chip_options options = {.target = target, .poisoning = poisoning, .port = {.print = print_nothing}};
    if (with_tasks)
        hl_port_use_tasks(&options.port);
    struct measured_chip made;
    if (hl_chip_create(&options, &made.chip) != 0) {
        fprintf(stderr, "HeapFigures: no chip %s\n", target);
        exit(2);
    }
    made.before = hl_chip_use(made.chip);
    heap_caps_init();
    heap_caps_enable_nonos_stack_heaps();
    return made;
}

void measured_chip_end(struct measured_chip chip) {
    hl_chip_use(chip.before);
    hl_chip_destroy(chip.chip);
}

multi_heap_handle_t measured_region(struct measured_chip chip, uint32_t start, size_t bytes) {
    int error = hl_chip_map(chip.chip, start, bytes);
    void *memory = error ? NULL : hl_chip_pointer(chip.chip, start);
    multi_heap_handle_t heap = memory ? multi_heap_register(memory, bytes) : NULL;
    if (!heap) {
        fprintf(stderr, "HeapFigures: no memory at 0x%08x\n", start);
        exit(2);
    }
    return heap;
}
