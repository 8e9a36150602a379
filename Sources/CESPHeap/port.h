// SPDX-License-Identifier: Apache-2.0
//
// The heap's view of its surroundings: the questions of heapline_port.h with their defaults
// applied, text output, and faults. The heap core calls these and nothing else of the host.

#ifndef HL_PORT_H
#define HL_PORT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heapline_port.h"

struct hl_chip;

// Fills in the default for each null member.
void hl_port_complete(struct hl_port *port);

// The default of `cycle_count`; heap tracing has a cheaper way to the same figure.
uint32_t hl_port_default_cycle_count(void *context);

uint32_t hl_port_current_task(const struct hl_chip *chip);
const char *hl_port_task_name(const struct hl_chip *chip, uint32_t task);

// Prints to the chip's console. Formatting is on the stack; longer text than 512 bytes is cut.
void hl_print(const struct hl_chip *chip, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// A fault is noted where it is found, with locks held, and raised by the public function once they
// are released: the handler may then leave by longjmp. Code between returns failure.
//
//     found: hl_fault_note(…); return 0;   …   public: if (result == 0) hl_fault_raise_noted(chip);
//
// The first note since the last raise wins; notes are per thread.
void hl_fault_note(enum hl_fault_kind kind, uint32_t address, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Whether this thread has a note that was not raised yet.
bool hl_fault_is_noted(void);

// Prints and raises this thread's note, if any. Returns whether there was one.
bool hl_fault_raise_noted(struct hl_chip *chip);

// Notes and raises at once, where no lock is held.
void hl_fault_raise(struct hl_chip *chip, enum hl_fault_kind kind, uint32_t address,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
