// SPDX-License-Identifier: Apache-2.0
//
// Making, choosing and destroying emulated chips, and the way between addresses and pointers.

#include "chip.h"

#include <stdlib.h>
#include <string.h>

#include "caps_plan.h"
#include "memory.h"
#include "port.h"
#include "registry.h"
#include "task_tracking.h"

_Atomic(struct hl_chip *) hl_chip_everywhere;
_Thread_local struct hl_chip *hl_chip_here __attribute__((tls_model("initial-exec")));

struct hl_chip *hl_chip_current(void) {
    return hl_current();
}

struct hl_chip *hl_chip_use(struct hl_chip *chip) {
    struct hl_chip *before = hl_chip_here;
    hl_chip_here = chip;
    return before;
}

struct hl_chip *hl_chip_use_everywhere(struct hl_chip *chip) {
    // Release: what was done to make the chip is seen by those who find it in hl_current().
    return atomic_exchange_explicit(&hl_chip_everywhere, chip, memory_order_acq_rel);
}

int hl_chip_create(const struct hl_chip_options *options, struct hl_chip **result) {
    *result = NULL;
    const struct hl_layout *layout = options->target ? hl_layout_named(options->target) : NULL;
    if (!layout)
        return HL_CHIP_UNKNOWN_TARGET;
    struct hl_chip *chip = calloc(1, sizeof *chip);
    if (!chip)
        return HL_CHIP_NO_HOST_MEMORY;
    chip->options = *options;
    chip->options.target = layout->target;
    if (options->idf == HL_IDF_LATEST)
        chip->options.idf = HL_IDF_5_5;
    chip->layout = layout;
    chip->port = options->port;
    hl_port_complete(&chip->port);
    chip->owner_size = options->tracking == HL_TRACKING_OFF ? 0 : 4;
    chip->limit = layout->max_contiguous - chip->owner_size;
    chip->external_limit = SIZE_MAX;
    // The ESP32 has no memory protection: its instruction memory is always a heap.
    chip->exec_heap = options->no_memory_protection || strcmp(layout->target, "esp32") == 0;
    pthread_mutex_init(&chip->registry_lock, NULL);
    int error = hl_memory_open(chip);
    if (error == 0 && options->tracking != HL_TRACKING_OFF && !hl_tracking_open(chip)) {
        hl_memory_close(chip);
        error = HL_CHIP_NO_HOST_MEMORY;
    }
    if (error != 0) {
        pthread_mutex_destroy(&chip->registry_lock);
        free(chip);
        return error;
    }
    *result = chip;
    return 0;
}

void hl_chip_destroy(struct hl_chip *chip) {
    if (!chip)
        return;
    if (chip->tracer && chip->tracer->chip_ends)
        chip->tracer->chip_ends(chip->tracer->context, chip);
    if (hl_chip_here == chip)
        hl_chip_here = NULL;
    struct hl_chip *expected = chip;
    atomic_compare_exchange_strong_explicit(&hl_chip_everywhere, &expected, NULL,
                                            memory_order_acq_rel, memory_order_relaxed);
    hl_registry_clear(chip);
    for (struct hl_region_heap *entry = hl_first_heap(chip), *next; entry; entry = next) {
        next = hl_next_heap(entry);
        free(entry);
    }
    hl_plans_clear(chip);
    hl_tracking_close(chip);
    hl_memory_close(chip);
    pthread_mutex_destroy(&chip->registry_lock);
    free(chip);
}

void *hl_chip_pointer(const struct hl_chip *chip, uint32_t address) {
    return address == 0 ? NULL : hl_host(chip, address);
}

uint32_t hl_chip_address(const struct hl_chip *chip, const void *pointer) {
    return pointer == NULL ? 0 : (uint32_t)((uintptr_t)pointer - chip->base);
}

bool hl_chip_is_in_place(const struct hl_chip *chip) {
    return chip->base == 0;
}

const struct hl_chip_options *hl_chip_options(const struct hl_chip *chip) {
    return &chip->options;
}

void hl_chip_set_port(struct hl_chip *chip, const struct hl_port *port) {
    chip->port = *port;
    hl_port_complete(&chip->port);
}

void hl_chip_set_tracer(struct hl_chip *chip, const struct hl_tracer *tracer) {
    chip->tracer = tracer;
    hl_chip_trace_calls(chip, true);
}

void hl_chip_trace_calls(struct hl_chip *chip, bool on) {
    atomic_store_explicit(&chip->calls_to, on ? chip->tracer : NULL, memory_order_release);
}

bool hl_chip_heap_at(const struct hl_chip *chip, size_t index,
                     struct hl_heap_description *description) {
    const struct hl_region_heap *heap = hl_first_heap(chip);
    while (heap && index-- > 0)
        heap = hl_next_heap(heap);
    if (!heap)
        return false;
    *description =
        (struct hl_heap_description){.start = heap->start,
                                     .end = heap->end,
                                     .caps = {heap->caps[0], heap->caps[1], heap->caps[2]},
                                     .is_registered = hl_registered(heap) != NULL,
                                     .type = heap->type};
    return true;
}
