// SPDX-License-Identifier: Apache-2.0
//
// Steps that no compact rule covers: rows with expressions (signal frames, PLT entries, realigned stacks), rows based on
// other registers, and code that nothing describes (frame pointers, checked). Also which stack memory may be read.
#include "unwinder.h"
#include "platform.h"

#define PAGE_BYTES ((uintptr_t)4096)
#define STEPS_MOST 4096 // frames unwound to recover registers

HL_UNWIND_SLOW bool hl_window_admit(struct hl_stack_window *window, uintptr_t address) {
    uintptr_t page = address & ~(PAGE_BYTES - 1);
    if ((address & 7) != 0 || !hl_platform_readable(address)) {
        return false;
    }
    uintptr_t high = window->span == 0 ? 0 : window->low + window->span + 7;
    if (address >= window->own_low && address < window->own_high) {
        window->low = page; // from here outward the thread's own stack is there
        high = window->own_high;
    } else if (window->span != 0 && page == high) {
        high += PAGE_BYTES;
    } else if (window->span != 0 && page + PAGE_BYTES == window->low) {
        window->low = page;
    } else {
        window->low = page;
        high = page + PAGE_BYTES;
    }
    window->span = high - window->low - 7;
    return true;
}

bool hl_cursor_register(const struct hl_cursor *cursor, uint64_t number, uint64_t *value) {
    if (number == HL_REGISTER_SP) {
        *value = cursor->sp;
    } else if (number == HL_REGISTER_FP) {
        *value = cursor->fp;
    } else if (HL_REGISTER_LINK >= 0 && number == (uint64_t)HL_REGISTER_LINK) {
        *value = cursor->link;
        return cursor->link_known;
    } else if (number == HL_REGISTER_RA) {
        *value = cursor->pc;
    } else if (cursor->registers != NULL && number < HL_REGISTER_COUNT &&
               (cursor->registers->known >> number & 1) != 0) {
        *value = cursor->registers->values[number];
    } else {
        return false;
    }
    return true;
}

// One caller's register by its rule. *slot is where it was read from, 0 when it was not read.
static bool recover(const struct hl_row_rule *rule, uint64_t number, uintptr_t cfa,
                    struct hl_expression_context *context, uint64_t *value, uintptr_t *slot) {
    uint64_t address = cfa + (uint64_t)rule->value;
    *slot = 0;
    switch ((enum hl_where)rule->where) {
    case HL_WHERE_SAME:
    case HL_WHERE_UNSET:
        return hl_cursor_register(context->cursor, number, value);
    case HL_WHERE_UNDEFINED:
        return false;
    case HL_WHERE_IS:
        *value = address;
        return true;
    case HL_WHERE_REGISTER:
        return hl_cursor_register(context->cursor, (uint64_t)rule->value, value);
    case HL_WHERE_IS_EXPRESSION:
        return hl_expression((const uint8_t *)(uintptr_t)rule->value, context, true, cfa, value);
    case HL_WHERE_AT_EXPRESSION:
        if (!hl_expression((const uint8_t *)(uintptr_t)rule->value, context, true, cfa, &address)) {
            return false;
        }
        break;
    case HL_WHERE_AT:
        break;
    }
    if (!hl_window_holds(context->window, (uintptr_t)address)) {
        return false;
    }
    *slot = (uintptr_t)address;
    *value = *(const uint64_t *)*slot;
    return true;
}

static enum hl_step step_row(struct hl_cursor *cursor, const struct hl_row *row,
                             const struct hl_cfi *cfi, struct hl_stack_window *window) {
    struct hl_expression_context context = {cursor, window, false};
    uint64_t cfa;
    if (row->cfa_expression) {
        if (!hl_expression((const uint8_t *)(uintptr_t)row->cfa_value, &context, false, 0, &cfa)) {
            return context.missing ? HL_STEP_REGISTERS : HL_STEP_BAD_FRAME;
        }
    } else {
        if (!hl_cursor_register(cursor, row->cfa_register, &cfa)) {
            return HL_STEP_REGISTERS;
        }
        cfa += (uint64_t)row->cfa_value;
    }
    if (cfi->return_column >= HL_REGISTER_COUNT) {
        return HL_STEP_NO_RULE;
    }
    const struct hl_row_rule *ra = &row->registers[cfi->return_column];
    if (ra->where == HL_WHERE_UNDEFINED) {
        return HL_STEP_OUTERMOST;
    }
    if (HL_REGISTER_LINK < 0 && (ra->where == HL_WHERE_UNSET || ra->where == HL_WHERE_SAME)) {
        return HL_STEP_NO_RULE;
    }
    struct hl_cursor caller = *cursor;
    uint64_t pc, fp, sp;
    uintptr_t unused;
    if (!recover(ra, cfi->return_column, (uintptr_t)cfa, &context, &pc, &caller.slot)) {
        return context.missing ? HL_STEP_REGISTERS : HL_STEP_BAD_FRAME;
    }
    if (!recover(&row->registers[HL_REGISTER_FP], HL_REGISTER_FP, (uintptr_t)cfa, &context, &fp,
                 &caller.fp_slot)) {
        if (context.missing) {
            return HL_STEP_REGISTERS;
        }
        fp = 0; // lost: frames that need it will not hold
    }
    const struct hl_row_rule *sp_rule = &row->registers[HL_REGISTER_SP];
    sp = cfa;
    if (sp_rule->where != HL_WHERE_UNSET && sp_rule->where != HL_WHERE_SAME &&
        !recover(sp_rule, HL_REGISTER_SP, (uintptr_t)cfa, &context, &sp, &unused)) {
        return context.missing ? HL_STEP_REGISTERS : HL_STEP_BAD_FRAME;
    }
    caller.link_known = false;
    if (HL_REGISTER_LINK >= 0 && cfi->signal_frame) {
        uint64_t link;
        caller.link_known = recover(&row->registers[HL_REGISTER_RA], HL_REGISTER_RA,
                                    (uintptr_t)cfa, &context, &link, &unused);
        caller.link = (uintptr_t)link;
    }
    if (cursor->registers != NULL) {
        uint64_t values[HL_REGISTER_COUNT];
        uint64_t known = 0;
        for (uint64_t i = 0; i < HL_REGISTER_COUNT; i++) {
            struct hl_expression_context each = {cursor, window, false};
            if (recover(&row->registers[i], i, (uintptr_t)cfa, &each, &values[i], &unused)) {
                known |= UINT64_C(1) << i;
            }
        }
        for (uint64_t i = 0; i < HL_REGISTER_COUNT; i++) {
            cursor->registers->values[i] = known >> i & 1 ? values[i] : 0;
        }
        cursor->registers->known = known;
    }
    caller.pc = hl_code_strip((uintptr_t)pc);
    caller.sp = (uintptr_t)sp;
    caller.fp = (uintptr_t)fp;
    caller.exact = cfi->signal_frame;
    bool forward = caller.sp > cursor->sp || (caller.sp == cursor->sp && HL_REGISTER_LINK >= 0);
    if (!cfi->signal_frame && !forward) {
        return HL_STEP_BAD_FRAME; // a caller's frame lies outside its callee's; only a signal changes stacks
    }
    *cursor = caller;
    return HL_STEP_CALLER;
}

HL_UNWIND_SLOW enum hl_step hl_step_full(struct hl_cursor *cursor,
                                         struct hl_stack_window *window) {
    struct hl_cfi cfi;
    uintptr_t address = hl_cursor_address(cursor);
    if (hl_unwind_find(address, &cfi) != HL_CODE_KNOWN) {
        return HL_STEP_NO_RULE;
    }
    struct hl_row_scratch *scratch = hl_scratch_take();
    if (scratch == NULL) {
        return HL_STEP_NO_RULE;
    }
    enum hl_step step = HL_STEP_NO_RULE;
    if (hl_cfi_row(&cfi, address, scratch)) {
        step = step_row(cursor, &scratch->row, &cfi, window);
    }
    hl_scratch_give(scratch);
    return step;
}

extern void *__libc_stack_end __attribute__((weak));

// Whether a call may return to `pc`: it lies in executable memory, behind a call.
static bool is_return_address(uintptr_t pc) {
    return pc >= PAGE_BYTES && hl_rule_find(pc - 1) != HL_RULE_OF(HL_SPECIAL_NOT_CODE) &&
           hl_platform_readable(pc - 8) && hl_code_follows_call(pc);
}

// (pc, sp, fp) = (*(fp + 8), fp + 16, *fp), when everything about it looks like a frame: the code is not described, so
// nothing promises that it keeps a frame pointer.
static enum hl_step step_frame_pointer(struct hl_cursor *cursor, struct hl_stack_window *window) {
    uintptr_t fp = cursor->fp;
    if (&__libc_stack_end != NULL && cursor->sp - (uintptr_t)__libc_stack_end + 64 < 128) {
        return HL_STEP_OUTERMOST; // where the kernel put the arguments: the dynamic linker's undescribed entry
    }
    if (cursor->exact && cursor->link_known && is_return_address(cursor->link)) {
        // Interrupted where x30 still tells the caller: code that only jumps on, such as a PLT entry.
        cursor->pc = cursor->link;
        cursor->slot = 0;
        cursor->fp_slot = 0;
        cursor->exact = false;
        cursor->link_known = false;
        return HL_STEP_CALLER;
    }
    if (fp < cursor->sp || !hl_window_holds(window, fp) || !hl_window_holds(window, fp + 8)) {
        return HL_STEP_NO_RULE;
    }
    uintptr_t caller_fp = ((const uintptr_t *)fp)[0];
    uintptr_t pc = hl_code_strip(((const uintptr_t *)fp)[1]);
    if (pc == 0 && caller_fp == 0) {
        return HL_STEP_OUTERMOST;
    }
    if (!is_return_address(pc)) {
        return HL_STEP_NO_RULE;
    }
    cursor->pc = pc;
    cursor->sp = fp + 16;
    cursor->fp = caller_fp;
    cursor->slot = fp + 8;
    cursor->fp_slot = fp;
    cursor->exact = false;
    cursor->link_known = false;
    return HL_STEP_CALLER;
}

// The kernel's frame under a signal handler: the interrupted registers, at fixed places above sp.
static enum hl_step step_signal(struct hl_cursor *cursor, struct hl_stack_window *window) {
    uintptr_t sp = cursor->sp;
    if (!hl_window_holds(window, sp + HL_SIGNAL_FP) || !hl_window_holds(window, sp + HL_SIGNAL_SP) ||
        !hl_window_holds(window, sp + HL_SIGNAL_PC) ||
        !hl_window_holds(window, sp + HL_SIGNAL_LINK)) {
        return HL_STEP_BAD_FRAME;
    }
    cursor->fp_slot = sp + HL_SIGNAL_FP;
    cursor->pc = *(const uintptr_t *)(sp + HL_SIGNAL_PC);
    cursor->fp = *(const uintptr_t *)(sp + HL_SIGNAL_FP);
    cursor->link = *(const uintptr_t *)(sp + HL_SIGNAL_LINK);
    cursor->sp = *(const uintptr_t *)(sp + HL_SIGNAL_SP);
    cursor->link_known = HL_REGISTER_LINK >= 0;
    cursor->exact = true;
    return HL_STEP_CALLER;
}

// Steps from a frame whose rule asks for registers that the walk does not carry (a frame based on rbx, say). All calls
// between here and there are still under way, our own included, so unwinding from here with the registers that calls
// preserve gives that frame's.
HL_UNWIND_SLOW static enum hl_step step_with_registers(struct hl_cursor *cursor,
                                                       struct hl_stack_window *window) {
    struct hl_register_set registers = {0};
    struct hl_own_registers own;
    hl_own_registers(&own);
    struct hl_cursor walk = {.pc = own.pc, .sp = own.sp, .fp = own.fp, .exact = true};
    walk.registers = &registers;
    registers.known = hl_own_registers_spread(&own, registers.values);
    struct hl_stack_window walk_window = {.own_low = window->own_low, .own_high = window->own_high};
    for (int steps = 0; steps < STEPS_MOST; steps++) {
        if (walk.pc == cursor->pc && walk.sp == cursor->sp) {
            enum hl_step step = hl_step_full(&walk, &walk_window);
            if (step == HL_STEP_CALLER) {
                *cursor = walk;
                cursor->registers = NULL;
            }
            return step == HL_STEP_REGISTERS ? HL_STEP_NO_RULE : step;
        }
        if (hl_step_full(&walk, &walk_window) != HL_STEP_CALLER) {
            break;
        }
    }
    return HL_STEP_NO_RULE;
}

HL_UNWIND_SLOW enum hl_step hl_step_special(struct hl_cursor *cursor, uint32_t rule,
                                            struct hl_stack_window *window) {
    switch ((enum hl_special)(rule >> 2)) {
    case HL_SPECIAL_OUTERMOST:
        return HL_STEP_OUTERMOST;
    case HL_SPECIAL_FULL: {
        enum hl_step step = hl_step_full(cursor, window);
        return step == HL_STEP_REGISTERS ? step_with_registers(cursor, window) : step;
    }
    case HL_SPECIAL_SIGNAL:
        return step_signal(cursor, window);
    case HL_SPECIAL_UNKNOWN:
        return step_frame_pointer(cursor, window);
    case HL_SPECIAL_NOT_CODE:
        break;
    }
    return HL_STEP_NO_RULE;
}
