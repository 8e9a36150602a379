// SPDX-License-Identifier: Apache-2.0
//
// What the unwinder must know of aarch64: DWARF's register numbers, signed return addresses, and how the common rules
// pack into 27 bits.
#pragma once

#include <stdint.h>

#define HL_REGISTER_COUNT 32
#define HL_REGISTER_FP 29
#define HL_REGISTER_SP 31
#define HL_REGISTER_RA 30
// Leaf functions leave the return address in x30.
#define HL_REGISTER_LINK 30

// User code lies below 2^48 and in words of 4 bytes: a lookup key keeps exactly the bits between.
#define HL_KEY_BITS 46
static inline uint64_t hl_code_key(uintptr_t address) {
    return address >> 2;
}
// Pointer authentication keeps its code in the bits above the address (bit 55 tells kernel from user).
static inline uintptr_t hl_code_strip(uintptr_t pc) {
    return pc & ((UINT64_C(1) << 48) - 1);
}

// A compact rule, with base = sp or fp (see enum hl_rule_kind):
//
//   (cfa, pc, fp) = (base + 16 x, m == 0 ? x30 : *(cfa - 8 m), p == 0 ? fp : *(cfa - 8 m - 8)),  sp = cfa
//
//   bit 25  24       13 12          2 1   0
//       +---+----------+-------------+-----+
//       | p |    m     |      x      | kind|   e.g. stp x29, x30, [sp, #-32]!: kind = SP, x = 2, m = 3, p = 1
//       +---+----------+-------------+-----+
static inline uintptr_t hl_rule_cfa_offset(uint32_t rule) {
    return (uintptr_t)(rule >> 2 & 0x7ff) * 16;
}
static inline uintptr_t hl_rule_ra_offset(uint32_t rule) {
    return (uintptr_t)(rule >> 13 & 0xfff) * 8;
}
static inline uintptr_t hl_rule_fp_offset(uint32_t rule) {
    return rule >> 25 & 1 ? hl_rule_ra_offset(rule) + 8 : 0;
}
#define HL_RULE_SAVES_FP (1u << 25) // none of these bits: fp is unchanged
// The rule for these offsets (0: unchanged), or 0 when it does not fit.
static inline uint32_t hl_rule_pack(uint32_t kind, int64_t cfa, int64_t ra, int64_t fp) {
    if (cfa < 0 || cfa % 16 != 0 || cfa / 16 > 0x7ff) {
        return 0;
    }
    if (ra < 0 || ra % 8 != 0 || ra / 8 > 0xfff || (fp != 0 && fp != ra + 8)) {
        return 0;
    }
    return kind | (uint32_t)(cfa / 16) << 2 | (uint32_t)(ra / 8) << 13 | (fp != 0 ? 1u << 25 : 0);
}

// Where a signal handler returns to: mov x8, #139; svc #0. The kernel left a siginfo and a ucontext at sp.
static inline int hl_code_is_signal_return(uintptr_t pc) {
    const uint32_t *code = (const uint32_t *)pc;
    return (pc & 3) == 0 && code[0] == 0xd2801168 && code[1] == 0xd4000001;
}
#define HL_SIGNAL_REGISTERS (128 + 184) // siginfo, then uc_mcontext.regs
#define HL_SIGNAL_FP (HL_SIGNAL_REGISTERS + 29 * 8)
#define HL_SIGNAL_LINK (HL_SIGNAL_REGISTERS + 30 * 8)
#define HL_SIGNAL_SP (HL_SIGNAL_REGISTERS + 31 * 8)
#define HL_SIGNAL_PC (HL_SIGNAL_REGISTERS + 32 * 8)

// The registers that calls preserve, and where the code that asks stands.
struct hl_own_registers {
    uintptr_t pc, sp, fp, x[10]; // x19 to x28
};
static inline __attribute__((always_inline)) void hl_own_registers(struct hl_own_registers *own) {
#if !defined(__aarch64__)
    *own = (struct hl_own_registers){0}; // on another machine (see unwinder.h) there are none
#else
    __asm__ volatile("adr x1, .\n\t"
                     "mov x2, sp\n\t"
                     "stp x1, x2, [%0]\n\t"
                     "stp x29, x19, [%0, #16]\n\t"
                     "stp x20, x21, [%0, #32]\n\t"
                     "stp x22, x23, [%0, #48]\n\t"
                     "stp x24, x25, [%0, #64]\n\t"
                     "stp x26, x27, [%0, #80]\n\t"
                     "str x28, [%0, #96]"
                     :
                     : "r"(own)
                     : "x1", "x2", "memory");
#endif
}
// Spreads them to an array by DWARF number; returns which ones are set.
static inline uint64_t hl_own_registers_spread(const struct hl_own_registers *own, uint64_t *to) {
    for (int i = 0; i < 10; i++) {
        to[19 + i] = own->x[i];
    }
    return UINT64_C(0x3ff) << 19;
}

// Whether the instruction before `pc` is bl, blr, or an authenticated blr.
static inline int hl_code_follows_call(uintptr_t pc) {
    uint32_t code = *(const uint32_t *)(pc - 4);
    return code >> 26 == 0x25 || (code & 0xfffffc1f) == 0xd63f0000 ||
           (code & 0xfefff800) == 0xd63f0800;
}
