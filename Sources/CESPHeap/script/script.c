// SPDX-License-Identifier: Apache-2.0
//
// Reading a script: lines, fields, variants, output. The operations are in script_*.c.

#include "script.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "variant.h"

enum { BUFFER_SIZE = 1 << 16 };

static const struct hl_operation *const groups[] = {
    hl_multi_heap_operations, hl_caps_operations,  hl_caps_report_operations,
    hl_task_operations,       hl_trace_operations,
};

static void flush(struct hl_script *script) {
    if (script->buffered != 0)
        script->options->output(script->options->context, script->buffer, script->buffered);
    script->buffered = 0;
}

static void write_text(struct hl_script *script, const char *text, size_t length) {
    if (script->buffered + length > BUFFER_SIZE)
        flush(script);
    if (length > BUFFER_SIZE) {
        script->options->output(script->options->context, text, length);
        return;
    }
    memcpy(script->buffer + script->buffered, text, length);
    script->buffered += length;
}

static void write_formatted(struct hl_script *script, const char *prefix, const char *format,
                            va_list arguments) {
    char text[1024];
    int length = vsnprintf(text, sizeof text, format, arguments);
    write_text(script, prefix, strlen(prefix));
    if (length > 0)
        write_text(script, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
    write_text(script, "\n", 1);
}

void hl_script_result(struct hl_script *script, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (script->faulted)
        write_text(script, "abort\n", 6);
    else
        write_formatted(script, "", format, arguments);
    va_end(arguments);
    script->faulted = false;
}

void hl_script_item(struct hl_script *script, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_formatted(script, "| ", format, arguments);
    va_end(arguments);
}

void hl_script_result_address(struct hl_script *script, uint32_t address) {
    if (address == 0)
        hl_script_result(script, "0");
    else
        hl_script_result(script, "0x%08x", address);
}

void hl_script_result_ok(struct hl_script *script) {
    hl_script_result(script, "ok");
}

// The chip's console: whole lines become items.
static void print(void *context, const char *text, size_t length) {
    struct hl_script *script = context;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            write_text(script, "| ", 2);
            write_text(script, script->pending, script->pending_length);
            write_text(script, "\n", 1);
            script->pending_length = 0;
        } else if (script->pending_length < sizeof script->pending) {
            script->pending[script->pending_length++] = text[i];
        }
    }
}

static void note_fault(void *context, const struct hl_fault *fault) {
    (void)fault;
    ((struct hl_script *)context)->faulted = true;
}

static uint32_t current_task(void *context) {
    return ((struct hl_script *)context)->task;
}

static const char *task_name(void *context, uint32_t task) {
    const struct hl_script *script = context;
    for (size_t i = script->task_count; i-- > 0;)
        if (script->tasks[i].handle == task)
            return script->tasks[i].name;
    return NULL;
}

static unsigned core_id(void *context) {
    return ((struct hl_script *)context)->core;
}

// Each read costs the script's chip a hundred cycles.
static uint32_t cycle_count(void *context) {
    struct hl_script *script = context;
    uint32_t count = script->cycle_count;
    script->cycle_count += 100;
    return count;
}

static void print_alloc_hook(void *context, void *ptr, size_t size, uint32_t caps) {
    struct hl_script *script = context;
    if (script->print_hooks)
        hl_script_item(script, "hook alloc 0x%08x %zu 0x%x", hl_chip_address(script->chip, ptr),
                       size, caps);
}

static void print_free_hook(void *context, void *ptr) {
    struct hl_script *script = context;
    if (script->print_hooks)
        hl_script_item(script, "hook free 0x%08x", hl_chip_address(script->chip, ptr));
}

bool hl_script_refuse(struct hl_script *script, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    script->error->line = script->line;
    vsnprintf(script->error->message, sizeof script->error->message, format, arguments);
    va_end(arguments);
    return false;
}

// Decimal, or hexadecimal after 0x; no sign, no blanks.
static bool parse(const char *text, uint64_t *value) {
    uint64_t sum = 0;
    bool hex = text[0] == '0' && text[1] == 'x';
    const char *digit = hex ? text + 2 : text;
    if (*digit == 0)
        return false;
    for (; *digit; digit++) {
        unsigned d = *digit >= '0' && *digit <= '9'          ? (unsigned)(*digit - '0')
                     : hex && *digit >= 'a' && *digit <= 'f' ? (unsigned)(*digit - 'a') + 10
                     : hex && *digit >= 'A' && *digit <= 'F' ? (unsigned)(*digit - 'A') + 10
                                                             : 99;
        if (d == 99)
            return false;
        sum = sum * (hex ? 16 : 10) + d;
        if (sum > UINT32_MAX)
            return false;
    }
    *value = sum;
    return true;
}

bool hl_script_number(struct hl_script *script, unsigned field, uint32_t *value) {
    uint64_t number;
    if (!parse(script->fields[field], &number))
        return hl_script_refuse(script, "'%.40s' is not a 32-bit number", script->fields[field]);
    *value = (uint32_t)number;
    return true;
}

bool hl_script_signed(struct hl_script *script, unsigned field, int64_t *value) {
    const char *text = script->fields[field];
    uint64_t number;
    if (!parse(text[0] == '-' ? text + 1 : text, &number))
        return hl_script_refuse(script, "'%.40s' is not a number", text);
    *value = text[0] == '-' ? -(int64_t)number : (int64_t)number;
    return true;
}

bool hl_script_slot(struct hl_script *script, unsigned field, struct hl_slot **slot) {
    uint32_t id;
    if (!hl_script_number(script, field, &id))
        return false;
    if (id >= HL_SCRIPT_SLOTS)
        return hl_script_refuse(script, "slot %u is above %u", id, HL_SCRIPT_SLOTS - 1);
    if (id >= script->slot_count) {
        size_t count = script->slot_count ? script->slot_count : 256;
        while (count <= id)
            count *= 2;
        struct hl_slot *slots = realloc(script->slots, count * sizeof *slots);
        if (!slots)
            return hl_script_refuse(script, "out of memory");
        memset(slots + script->slot_count, 0, (count - script->slot_count) * sizeof *slots);
        script->slots = slots;
        script->slot_count = count;
    }
    *slot = &script->slots[id];
    return true;
}

void hl_slot_allocated(struct hl_slot *slot, uint32_t address, uint32_t requested) {
    slot->address = address;
    slot->requested = address ? requested : 0;
    slot->known = 0;
}

void hl_slot_reallocated(struct hl_slot *slot, uint32_t address, uint32_t requested) {
    if (address != 0) {
        slot->address = address;
        slot->requested = requested;
        if (slot->known > requested)
            slot->known = requested;
    } else if (requested == 0) {
        hl_slot_freed(slot);
    }
}

void hl_slot_freed(struct hl_slot *slot) {
    if (slot->address != 0)
        slot->freed = slot->address;
    slot->address = slot->requested = slot->known = 0;
}

static const struct hl_operation *find(const char *name) {
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
        for (const struct hl_operation *operation = groups[g]; operation->name; operation++)
            if (strcmp(operation->name, name) == 0)
                return operation;
    return NULL;
}

static bool run_line(struct hl_script *script, char *line) {
    script->field_count = 0;
    for (char *field = line; field;) {
        char *blank = strchr(field, ' ');
        if (script->field_count == HL_SCRIPT_FIELDS)
            return hl_script_refuse(script, "more than %d fields", HL_SCRIPT_FIELDS);
        script->fields[script->field_count++] = field;
        if (blank)
            *blank++ = 0;
        if (*field == 0)
            return hl_script_refuse(script, "an empty field: fields are separated by one space");
        field = blank;
    }
    const struct hl_operation *operation = find(script->fields[0]);
    if (!operation)
        return hl_script_refuse(script, "unknown operation '%.40s'", script->fields[0]);
    unsigned given = script->field_count - 1;
    if (given < operation->least || given > operation->most) {
        if (operation->least == operation->most)
            return hl_script_refuse(script, "%s takes %u fields, not %u", operation->name,
                                    operation->least, given);
        return hl_script_refuse(script, "%s takes %u to %u fields, not %u", operation->name,
                                operation->least, operation->most, given);
    }
    script->faulted = false;
    return operation->run(script);
}

static bool run_text(struct hl_script *script, const char *text, size_t length) {
    char line[4096];
    for (size_t start = 0; start < length;) {
        const char *newline = memchr(text + start, '\n', length - start);
        size_t end = newline ? (size_t)(newline - text) : length, size = end - start;
        script->line++;
        if (size != 0 && text[start] != '#') {
            if (size >= sizeof line)
                return hl_script_refuse(script, "the line is longer than %zu bytes",
                                        sizeof line - 1);
            memcpy(line, text + start, size);
            line[size] = 0;
            if (strlen(line) != size)
                return hl_script_refuse(script, "a zero byte");
            if (!run_line(script, line))
                return false;
        }
        start = end + 1;
    }
    return true;
}

static bool make_chip(struct hl_script *script) {
    struct hl_chip_options *options = &script->chip_options;
    options->target = script->options->target;
    options->mapping = script->options->mapping;
    options->hooks = true;
    options->port = (struct hl_port){.context = script,
                                     .print = print,
                                     .fault = note_fault,
                                     .current_task = current_task,
                                     .task_name = task_name,
                                     .core_id = core_id,
                                     .cycle_count = cycle_count,
                                     .alloc_hook = print_alloc_hook,
                                     .free_hook = print_free_hook};
    switch (hl_chip_create(options, &script->chip)) {
    case 0:
        return true;
    case HL_CHIP_UNKNOWN_TARGET:
        return hl_script_refuse(script, "unknown chip '%.40s'", options->target);
    case HL_CHIP_NO_ADDRESS_SPACE:
        return hl_script_refuse(script, "the chip's addresses are taken in this process");
    default:
        return hl_script_refuse(script, "out of memory");
    }
}

int hl_script_run(const char *text, size_t length, const struct hl_script_options *options,
                  struct hl_script_error *error) {
    struct hl_script *script = calloc(1, sizeof *script);
    char *buffer = malloc(BUFFER_SIZE);
    *error = (struct hl_script_error){.line = 0, .message = "out of memory"};
    bool done = false;
    if (script && buffer) {
        script->options = options;
        script->error = error;
        script->buffer = buffer;
        script->cycle_count = 1000;
        if (hl_variant_parse(script) && make_chip(script)) {
            struct hl_chip *before = hl_chip_use(script->chip);
            done = hl_script_trace_open(script) && run_text(script, text, length);
            hl_script_trace_close(script);
            hl_chip_use(before);
            flush(script);
            hl_chip_destroy(script->chip);
        }
        free(script->slots);
        free(script->tasks);
    }
    free(buffer);
    free(script);
    if (done)
        *error = (struct hl_script_error){0};
    return done ? 0 : -1;
}
