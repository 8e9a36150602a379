// SPDX-License-Identifier: Apache-2.0
//
// What the unwinder must know of x86-64: DWARF's register numbers, and how the common rules pack into 27 bits.
#pragma once

#include <stdint.h>

#define HL_REGISTER_COUNT 17
#define HL_REGISTER_FP 6  // rbp
#define HL_REGISTER_SP 7  // rsp
#define HL_REGISTER_RA 16 // return address column
// The return address register that a frame may leave in place (aarch64's x30): none here.
#define HL_REGISTER_LINK (-1)

// User code lies below 2^47; a lookup key keeps exactly these bits. A return address, which is where most keys come from,
// is its own key.
#define HL_KEY_BITS 47
static inline uint64_t hl_code_key(uintptr_t address) {
    return (uint64_t)address + 1;
}
static inline uintptr_t hl_code_strip(uintptr_t pc) {
    return pc;
}

// A compact rule, with base = sp or fp (see enum hl_rule_kind):
//
//   (cfa, pc, fp) = (base + 8 x, *(cfa - 8), k == 0 ? fp : *(cfa - 8 k)),  sp = cfa
//
//   bit 26      19 18            3  2  1   0
//       +---------+---------------+---+-----+
//       |    k    |       x       | 0 | kind|      e.g. push rbp; mov rbp, rsp: kind = FP, x = 2, k = 2
//       +---------+---------------+---+-----+
//
// x stands where its multiple of 8 does; the bits beyond 26 may hold anything.
static inline uintptr_t hl_rule_cfa_offset(uint32_t rule) {
    return rule & 0x7fff8;
}
static inline uintptr_t hl_rule_ra_offset(uint32_t rule) {
    (void)rule;
    return 8;
}
static inline uintptr_t hl_rule_fp_offset(uint32_t rule) {
    return rule >> 16 & 0x7f8;
}
#define HL_RULE_SAVES_FP (0x7f80000u) // none of these bits: fp is unchanged
// The rule for these offsets (fp 0: unchanged), or 0 when it does not fit.
static inline uint32_t hl_rule_pack(uint32_t kind, int64_t cfa, int64_t ra, int64_t fp) {
    if (cfa <= 0 || cfa % 8 != 0 || cfa / 8 > 0xffff || ra != 8) {
        return 0;
    }
    if (fp < 0 || fp % 8 != 0 || fp / 8 > 0xff) {
        return 0;
    }
    return kind | (uint32_t)cfa | (uint32_t)(fp / 8) << 19;
}

// Where a signal handler returns to: mov $15, %rax; syscall. The kernel left the interrupted registers in a ucontext at sp.
static inline int hl_code_is_signal_return(uintptr_t pc) {
    static const uint8_t code[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
    for (unsigned i = 0; i < sizeof code; i++) {
        if (((const uint8_t *)pc)[i] != code[i]) {
            return 0;
        }
    }
    return 1;
}
#define HL_SIGNAL_FP 0x78
#define HL_SIGNAL_SP 0xa0
#define HL_SIGNAL_PC 0xa8
#define HL_SIGNAL_LINK 0xa8 // there is no link register

// The registers that calls preserve, and where the code that asks stands.
struct hl_own_registers {
    uintptr_t pc, sp, fp, rbx, r12, r13, r14, r15;
};
static inline __attribute__((always_inline)) void hl_own_registers(struct hl_own_registers *own) {
    __asm__ volatile("leaq 0(%%rip), %%rax\n\t"
                     "movq %%rax, 0(%0)\n\t"
                     "movq %%rsp, 8(%0)\n\t"
                     "movq %%rbp, 16(%0)\n\t"
                     "movq %%rbx, 24(%0)\n\t"
                     "movq %%r12, 32(%0)\n\t"
                     "movq %%r13, 40(%0)\n\t"
                     "movq %%r14, 48(%0)\n\t"
                     "movq %%r15, 56(%0)"
                     :
                     : "D"(own)
                     : "rax", "memory");
}
// Spreads them to an array by DWARF number; returns which ones are set.
static inline uint64_t hl_own_registers_spread(const struct hl_own_registers *own, uint64_t *to) {
    to[3] = own->rbx;
    to[12] = own->r12;
    to[13] = own->r13;
    to[14] = own->r14;
    to[15] = own->r15;
    return 1u << 3 | 0xfu << 12;
}

// Whether the code before `pc` looks like a call: the second thought on return addresses found without rules.
// `pc - 8` to `pc` are readable. E8 rel32, or FF /2 with any addressing mode.
static inline int hl_code_follows_call(uintptr_t pc) {
    const uint8_t *code = (const uint8_t *)pc;
    if (code[-5] == 0xe8) {
        return 1;
    }
    for (int bytes = 2; bytes <= 7; bytes++) {
        if (code[-bytes] == 0xff && (code[-bytes + 1] & 0x38) == 0x10) {
            return 1;
        }
    }
    return 0;
}
