// SPDX-License-Identifier: Apache-2.0
//
// DWARF expressions as call frame information uses them (DWARF 5 section 2.5): integer stack machine over registers and
// stack memory. Operations that need a compilation unit or an object do not occur there and are refused.
#include "unwinder.h"

#define STACK_WORDS 16
#define STEP_LIMIT 512

struct machine {
    uint64_t words[STACK_WORDS];
    unsigned count;
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static void push(struct machine *machine, uint64_t value) {
    if (machine->count == STACK_WORDS) {
        machine->failed = true;
        return;
    }
    machine->words[machine->count++] = value;
}

static uint64_t pop(struct machine *machine) {
    if (machine->count == 0) {
        machine->failed = true;
        return 0;
    }
    return machine->words[--machine->count];
}

static uint64_t pick(struct machine *machine, uint64_t depth) {
    if (depth >= machine->count) {
        machine->failed = true;
        return 0;
    }
    return machine->words[machine->count - 1 - depth];
}

static uint64_t operand(struct machine *machine, size_t bytes) {
    if ((size_t)(machine->end - machine->at) < bytes) {
        machine->failed = true;
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;) {
        value = value << 8 | machine->at[i];
    }
    machine->at += bytes;
    return value;
}

static uint64_t operand_leb(struct machine *machine, bool is_signed) {
    uint64_t value = 0;
    unsigned shift = 0;
    uint64_t byte;
    do {
        byte = operand(machine, 1);
        if (shift < 64) {
            value |= (byte & 0x7f) << shift;
        }
        shift += 7;
    } while ((byte & 0x80) != 0 && shift < 70);
    if (is_signed && shift < 64 && (byte & 0x40) != 0) {
        value |= ~UINT64_C(0) << shift;
    }
    return value;
}

static uint64_t sign_extend(uint64_t value, unsigned bits) {
    uint64_t sign = UINT64_C(1) << (bits - 1);
    return (value ^ sign) - sign;
}

static void push_register(struct machine *machine, struct hl_expression_context *context,
                          uint64_t number) {
    uint64_t offset = operand_leb(machine, true);
    uint64_t value;
    if (!hl_cursor_register(context->cursor, number, &value)) {
        context->missing = true;
        machine->failed = true;
        return;
    }
    push(machine, value + offset);
}

static void dereference(struct machine *machine, struct hl_expression_context *context,
                        uint64_t bytes) {
    uintptr_t address = (uintptr_t)pop(machine);
    if (bytes == 0 || bytes > 8 || machine->failed ||
        !hl_window_holds(context->window, address & ~(uintptr_t)7) ||
        !hl_window_holds(context->window, (address + bytes - 1) & ~(uintptr_t)7)) {
        machine->failed = true;
        return;
    }
    uint64_t value = 0;
    for (uint64_t i = bytes; i-- > 0;) {
        value = value << 8 | ((const uint8_t *)address)[i];
    }
    push(machine, value);
}

static void branch(struct machine *machine, bool taken) {
    int64_t distance = (int16_t)operand(machine, 2);
    if (!taken || machine->failed) {
        return;
    }
    if (distance < machine->start - machine->at || distance > machine->end - machine->at) {
        machine->failed = true;
        return;
    }
    machine->at += distance;
}

// Operations on the two topmost words, `a` below `b`.
static uint64_t binary(struct machine *machine, uint8_t code) {
    uint64_t b = pop(machine);
    uint64_t a = pop(machine);
    int64_t x = (int64_t)a;
    int64_t y = (int64_t)b;
    switch (code) {
    case 0x1a:
        return a & b;
    case 0x1b:
        if (y == 0 || (x == INT64_MIN && y == -1)) {
            machine->failed = true;
            return 0;
        }
        return (uint64_t)(x / y);
    case 0x1c:
        return a - b;
    case 0x1d:
        if (b == 0) {
            machine->failed = true;
            return 0;
        }
        return a % b;
    case 0x1e:
        return a * b;
    case 0x21:
        return a | b;
    case 0x22:
        return a + b;
    case 0x24:
        return b < 64 ? a << b : 0;
    case 0x25:
        return b < 64 ? a >> b : 0;
    case 0x26:
        return (uint64_t)(x >> (b < 64 ? b : 63));
    case 0x27:
        return a ^ b;
    case 0x29:
        return x == y;
    case 0x2a:
        return x >= y;
    case 0x2b:
        return x > y;
    case 0x2c:
        return x <= y;
    case 0x2d:
        return x < y;
    case 0x2e:
        return x != y;
    default:
        machine->failed = true;
        return 0;
    }
}

static void execute(struct machine *machine, struct hl_expression_context *context, uint8_t code) {
    if (code >= 0x30 && code <= 0x4f) { // DW_OP_lit0 to lit31
        push(machine, code - 0x30u);
        return;
    }
    if (code >= 0x70 && code <= 0x8f) { // DW_OP_breg0 to breg31
        push_register(machine, context, code - 0x70u);
        return;
    }
    uint64_t a, b, c;
    switch (code) {
    case 0x03: // DW_OP_addr
    case 0x0e: // DW_OP_const8u
    case 0x0f:
        push(machine, operand(machine, 8));
        break;
    case 0x06: // DW_OP_deref
        dereference(machine, context, 8);
        break;
    case 0x94: // DW_OP_deref_size
        dereference(machine, context, operand(machine, 1));
        break;
    case 0x08:
        push(machine, operand(machine, 1));
        break;
    case 0x09:
        push(machine, sign_extend(operand(machine, 1), 8));
        break;
    case 0x0a:
        push(machine, operand(machine, 2));
        break;
    case 0x0b:
        push(machine, sign_extend(operand(machine, 2), 16));
        break;
    case 0x0c:
        push(machine, operand(machine, 4));
        break;
    case 0x0d:
        push(machine, sign_extend(operand(machine, 4), 32));
        break;
    case 0x10:
        push(machine, operand_leb(machine, false));
        break;
    case 0x11:
        push(machine, operand_leb(machine, true));
        break;
    case 0x12: // DW_OP_dup
        push(machine, pick(machine, 0));
        break;
    case 0x13: // DW_OP_drop
        pop(machine);
        break;
    case 0x14: // DW_OP_over
        push(machine, pick(machine, 1));
        break;
    case 0x15: // DW_OP_pick
        push(machine, pick(machine, operand(machine, 1)));
        break;
    case 0x16: // DW_OP_swap
        b = pop(machine);
        a = pop(machine);
        push(machine, b);
        push(machine, a);
        break;
    case 0x17: // DW_OP_rot
        c = pop(machine);
        b = pop(machine);
        a = pop(machine);
        push(machine, c);
        push(machine, a);
        push(machine, b);
        break;
    case 0x19: // DW_OP_abs
        a = pop(machine);
        push(machine, (int64_t)a < 0 ? 0 - a : a);
        break;
    case 0x1f: // DW_OP_neg
        push(machine, 0 - pop(machine));
        break;
    case 0x20: // DW_OP_not
        push(machine, ~pop(machine));
        break;
    case 0x23: // DW_OP_plus_uconst
        a = pop(machine);
        push(machine, a + operand_leb(machine, false));
        break;
    case 0x28: // DW_OP_bra
        branch(machine, pop(machine) != 0);
        break;
    case 0x2f: // DW_OP_skip
        branch(machine, true);
        break;
    case 0x92: // DW_OP_bregx
        a = operand_leb(machine, false);
        push_register(machine, context, a);
        break;
    case 0x96: // DW_OP_nop
        break;
    default:
        push(machine, binary(machine, code));
        break;
    }
}

bool hl_expression(const uint8_t *bytes, struct hl_expression_context *context, bool has_initial,
                   uint64_t initial, uint64_t *result) {
    // The length was checked against the section when the row was evaluated.
    struct machine machine = {.at = bytes, .end = bytes + 10};
    uint64_t length = operand_leb(&machine, false);
    machine.start = machine.at;
    machine.end = machine.at + length;
    if (has_initial) {
        push(&machine, initial);
    }
    for (int steps = 0; machine.at < machine.end && !machine.failed; steps++) {
        if (steps == STEP_LIMIT) {
            return false;
        }
        uint8_t code = *machine.at++;
        execute(&machine, context, code);
    }
    *result = pop(&machine);
    return !machine.failed;
}
