// SPDX-License-Identifier: Apache-2.0
//
// Faults of the emulated chip: noted under locks, raised without them. See port.h for the protocol.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip.h"
#include "port.h"

static _Thread_local struct hl_fault noted;  // found, not raised yet
static _Thread_local struct hl_fault raised; // for hl_chip_take_fault

static void note(enum hl_fault_kind kind, uint32_t address, const char *format, va_list arguments) {
    if (noted.kind != HL_FAULT_NONE)
        return;
    noted.kind = kind;
    noted.address = address;
    vsnprintf(noted.text, sizeof noted.text, format, arguments);
}

void hl_fault_note(enum hl_fault_kind kind, uint32_t address, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    note(kind, address, format, arguments);
    va_end(arguments);
}

bool hl_fault_is_noted(void) {
    return noted.kind != HL_FAULT_NONE;
}

bool hl_fault_raise_noted(struct hl_chip *chip) {
    if (noted.kind == HL_FAULT_NONE)
        return false;
    struct hl_fault fault = noted;
    noted.kind = HL_FAULT_NONE;
    raised = fault;
    pthread_mutex_lock(&chip->registry_lock);
    chip->last_fault = fault;
    pthread_mutex_unlock(&chip->registry_lock);
    // Relaxed: a count, read for reports only.
    atomic_fetch_add_explicit(&chip->fault_count, 1, memory_order_relaxed);
    hl_print(chip, "%s\n", fault.text);
    if (chip->options.abort_on_fault)
        abort();
    chip->port.fault(chip->port.context, &fault);
    return true;
}

void hl_fault_raise(struct hl_chip *chip, enum hl_fault_kind kind, uint32_t address,
                    const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    note(kind, address, format, arguments);
    va_end(arguments);
    hl_fault_raise_noted(chip);
}

bool hl_chip_take_fault(struct hl_fault *fault) {
    *fault = raised;
    raised.kind = HL_FAULT_NONE;
    return fault->kind != HL_FAULT_NONE;
}

struct hl_fault hl_chip_last_fault(const struct hl_chip *chip) {
    struct hl_chip *writable = (struct hl_chip *)(uintptr_t)chip;
    pthread_mutex_lock(&writable->registry_lock);
    struct hl_fault fault = chip->last_fault;
    pthread_mutex_unlock(&writable->registry_lock);
    return fault;
}

uint64_t hl_chip_fault_count(const struct hl_chip *chip) {
    return atomic_load_explicit(&chip->fault_count, memory_order_relaxed);
}
