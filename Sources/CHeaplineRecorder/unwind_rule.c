// SPDX-License-Identifier: Apache-2.0
//
// Compact rules: what one frame's row says about the caller, in 27 bits, and the cache of them by code address.
// A rule is compiled when its address is first met, so a program pays for the code it runs, not for the code it has.
#include "unwinder.h"
#include "platform.h"

uint64_t *hl_rule_entries;
uint32_t hl_rule_epoch;

static struct hl_row_scratch *spare_scratch;

// Scratch is a lone block handed from user to user: whoever finds it taken (another thread, a signal handler) maps one.
struct hl_row_scratch *hl_scratch_take(void) {
    // Acquire: pairs with the release in hl_scratch_give, though the contents are written anew by each user.
    struct hl_row_scratch *scratch = __atomic_exchange_n(&spare_scratch, NULL, __ATOMIC_ACQUIRE);
    return scratch != NULL ? scratch : hl_platform_map(sizeof *scratch);
}

void hl_scratch_give(struct hl_row_scratch *scratch) {
    struct hl_row_scratch *other = __atomic_exchange_n(&spare_scratch, scratch, __ATOMIC_RELEASE);
    if (other != NULL) {
        hl_platform_unmap(other, sizeof *other);
    }
}

static bool is_unchanged(const struct hl_row_rule *rule) {
    return rule->where == HL_WHERE_SAME || rule->where == HL_WHERE_UNSET;
}

static uint32_t compile_row(const struct hl_row *row, const struct hl_cfi *cfi) {
    const struct hl_row_rule *ra = &row->registers[HL_REGISTER_RA];
    const struct hl_row_rule *fp = &row->registers[HL_REGISTER_FP];
    const struct hl_row_rule *sp = &row->registers[HL_REGISTER_SP];
    if (cfi->signal_frame || cfi->return_column != HL_REGISTER_RA) {
        return HL_RULE_OF(HL_SPECIAL_FULL);
    }
    if (ra->where == HL_WHERE_UNDEFINED) {
        return HL_RULE_OF(HL_SPECIAL_OUTERMOST);
    }
    bool link = HL_REGISTER_LINK >= 0 && is_unchanged(ra);
    bool plain = !row->cfa_expression &&
                 (row->cfa_register == HL_REGISTER_SP || row->cfa_register == HL_REGISTER_FP) &&
                 (link || (ra->where == HL_WHERE_AT && ra->value < 0)) &&
                 (is_unchanged(fp) || (fp->where == HL_WHERE_AT && fp->value < 0)) &&
                 is_unchanged(sp);
    uint32_t rule = 0;
    if (plain) {
        uint32_t kind = row->cfa_register == HL_REGISTER_SP ? HL_RULE_SP : HL_RULE_FP;
        rule = hl_rule_pack(kind, row->cfa_value, link ? 0 : -ra->value,
                            fp->where == HL_WHERE_AT ? -fp->value : 0);
    }
    return rule != 0 ? rule : HL_RULE_OF(HL_SPECIAL_FULL);
}

static uint32_t compile_known(const struct hl_cfi *cfi, uintptr_t address) {
    struct hl_row_scratch *scratch = hl_scratch_take();
    if (scratch == NULL) {
        return HL_RULE_OF(HL_SPECIAL_UNKNOWN);
    }
    uint32_t rule = hl_cfi_row(cfi, address, scratch) ? compile_row(&scratch->row, cfi)
                                                      : HL_RULE_OF(HL_SPECIAL_UNKNOWN);
    hl_scratch_give(scratch);
    return rule;
}

static uint32_t compile(uintptr_t address) {
    struct hl_cfi cfi;
    // By its code, since not every libc describes it, and kernels' own copies may be all that a page holds.
    if (hl_platform_readable(address + 1) && hl_platform_readable(address + 16) &&
        hl_code_is_signal_return(address + 1)) {
        return HL_RULE_OF(HL_SPECIAL_SIGNAL);
    }
    enum hl_code code = hl_unwind_find(address, &cfi);
    if (code == HL_CODE_NONE) {
        return HL_RULE_OF(HL_SPECIAL_NOT_CODE);
    }
    if (code == HL_CODE_UNKNOWN) {
        // Between functions, right before one begins: nobody called from here, somebody put the function's address
        // where a return address would be. makecontext does; its stacks end there.
        bool planted = hl_unwind_find(address + 1, &cfi) == HL_CODE_KNOWN && cfi.start == address + 1;
        return HL_RULE_OF(planted ? HL_SPECIAL_OUTERMOST : HL_SPECIAL_UNKNOWN);
    }
    return compile_known(&cfi, address);
}

bool hl_rules_start(void) {
    if (__atomic_load_n(&hl_rule_entries, __ATOMIC_ACQUIRE) != NULL) {
        return true;
    }
    uint64_t *made = hl_platform_map(HL_RULE_ENTRIES * sizeof *made);
    if (made == NULL) {
        return false;
    }
    hl_platform_touch(made, HL_RULE_ENTRIES * sizeof *made); // used in no order
    uint64_t *none = NULL;
    // Release: whoever sees the table sees it zeroed. The loser of a race uses the winner's.
    if (!__atomic_compare_exchange_n(&hl_rule_entries, &none, made, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        hl_platform_unmap(made, HL_RULE_ENTRIES * sizeof *made);
    }
    return true;
}

HL_UNWIND_SLOW uint32_t hl_rule_find(uintptr_t address) {
    if (address + 1 < 4096 || hl_code_key(address) >> HL_KEY_BITS != 0) {
        return HL_RULE_OF(HL_SPECIAL_NOT_CODE); // the kernel's, or the call before address 0: the end of a stack
    }
    // The epoch is read before the module is looked at: a rule of a module that goes away meanwhile is stored under the
    // epoch in which it was right, and matches no reader of a later one.
    uint32_t epoch = __atomic_load_n(&hl_rule_epoch, __ATOMIC_ACQUIRE);
    uint32_t rule = compile(address);
    uint64_t *entries = __atomic_load_n(&hl_rule_entries, __ATOMIC_ACQUIRE);
    if (entries != NULL) {
        uint64_t key = hl_code_key(address);
        // Relaxed: the word is the whole entry.
        __atomic_store_n(&entries[hl_rule_index(key)], hl_rule_tag(key, epoch) << HL_RULE_BITS | rule,
                         __ATOMIC_RELAXED);
    }
    return rule;
}

void hl_rules_forget(void) {
    // Five bits of the epoch tell entries of the last 32 module changes apart; emptying the table keeps older ones from
    // ever coming round again.
    __atomic_fetch_add(&hl_rule_epoch, 1, __ATOMIC_ACQ_REL);
    uint64_t *entries = __atomic_load_n(&hl_rule_entries, __ATOMIC_ACQUIRE);
    for (size_t i = 0; entries != NULL && i < HL_RULE_ENTRIES; i++) {
        if (__atomic_load_n(&entries[i], __ATOMIC_RELAXED) != 0) { // pages never used stay unused
            __atomic_store_n(&entries[i], 0, __ATOMIC_RELAXED);
        }
    }
}
