// SPDX-License-Identifier: Apache-2.0
//
// The default surroundings of a chip: plain host threads, no tasks, text to standard output, faults
// recorded.

#include "port.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "chip.h"

static uint32_t no_task(void *context) {
    (void)context;
    return 0;
}

static const char *no_name(void *context, uint32_t task) {
    (void)context;
    (void)task;
    return NULL;
}

static unsigned first_core(void *context) {
    (void)context;
    return 0;
}

// The chip's cycle counter at its usual 160 MHz, from the host's monotonic clock.
uint32_t hl_port_default_cycle_count(void *context) {
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t nanoseconds = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return (uint32_t)(nanoseconds * 4 / 25);
}

static void print_to_stdout(void *context, const char *text, size_t length) {
    (void)context;
    fwrite(text, 1, length, stdout);
}

static void ignore_fault(void *context, const struct hl_fault *fault) {
    (void)context;
    (void)fault;
}

static void yield_processor(void *context) {
    (void)context;
    sched_yield();
}

void hl_port_complete(struct hl_port *port) {
    if (!port->current_task)
        port->current_task = no_task;
    if (!port->task_name)
        port->task_name = no_name;
    if (!port->core_id)
        port->core_id = first_core;
    if (!port->cycle_count)
        port->cycle_count = hl_port_default_cycle_count;
    if (!port->print)
        port->print = print_to_stdout;
    if (!port->fault)
        port->fault = ignore_fault;
    if (!port->wait)
        port->wait = yield_processor;
}

uint32_t hl_port_current_task(const struct hl_chip *chip) {
    return chip->port.current_task(chip->port.context);
}

const char *hl_port_task_name(const struct hl_chip *chip, uint32_t task) {
    return chip->port.task_name(chip->port.context, task);
}

void hl_print(const struct hl_chip *chip, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length <= 0)
        return;
    size_t size = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    chip->port.print(chip->port.context, text, size);
}
