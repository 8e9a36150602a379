// SPDX-License-Identifier: Apache-2.0
//
// Reserve, write and commit as one restartable sequence (rseq(2), Linux 4.18). Between labels 1 and 2 the kernel sends
// the thread to label 4 whenever it was preempted, migrated or took a signal; the record is then written anew. The one store
// that moves the cursor is the commit: before it nothing was visible, after it everything is.
#pragma once

#include "buffer.h"
#include "clock.h"

enum { HL_WRITE_DONE = 0, HL_WRITE_FULL = 1, HL_WRITE_NO_CORE = 2 };

#define HL_RSEQ_TEXT2(x) #x
#define HL_RSEQ_TEXT(x) HL_RSEQ_TEXT2(x)

#if defined(__x86_64__)
#define HL_RSEQ_SIGNATURE 0x53053053

// The clock is read inside the sequence, so within a core ticks never fall.
// Cost: 24 instructions of which one is rdtsc; no atomic, no call. See Perf/fast_path.golden.
HL_HOT int hl_buffer_write_rseq(uint64_t kind, uint64_t address, uint64_t size, uint64_t site,
                                uint32_t *core_out, uint64_t *cursor_out) {
    uint64_t core, cursor, place;
    __asm__ goto volatile(
        ".pushsection __rseq_cs, \"aw\", @progbits\n\t"
        ".balign 32\n"
        "3:\n\t"
        ".long 0, 0\n\t"
        ".quad 1f, 2f - 1f, 4f\n\t"
        ".popsection\n\t"
        "5:\n\t"
        "leaq 3b(%%rip), %%rax\n\t"
        "movq %%rax, %%fs:8(%[rseq])\n"
        "1:\n\t"
        "movl %%fs:4(%[rseq]), %k[core]\n\t"
        "cmpl %[core_count], %k[core]\n\t"
        "jae %l[no_core]\n\t"
        "movq %[core], %[place]\n\t"
        "shlq $6, %[place]\n\t"
        "movq (%[cores], %[place]), %[cursor]\n\t"
        "testl $" HL_RSEQ_TEXT(0xffff) ", %k[cursor]\n\t"
        "jz %l[full]\n\t"
        "rdtsc\n\t"
        "shlq $32, %%rdx\n\t"
        "orq %%rdx, %%rax\n\t"
        "subq %[base], %%rax\n\t"
        "shlq $8, %%rax\n\t"
        "orq %[kind], %%rax\n\t"
        "movq %[segments], %%rdx\n\t"
        "addq %[cursor], %%rdx\n\t"
        "movq %%rax, (%%rdx)\n\t"
        "movq %[address], 8(%%rdx)\n\t"
        "movq %[size], 16(%%rdx)\n\t"
        "movq %[site], 24(%%rdx)\n\t"
        "leaq 32(%[cursor]), %%rax\n\t"
        "movq %%rax, (%[cores], %[place])\n" // the commit; x86 keeps stores in order
        "2:\n\t"
        ".pushsection .text.unlikely, \"ax\", @progbits\n\t"
        ".byte 0x0f, 0xb9, 0x3d\n\t"
        ".long " HL_RSEQ_TEXT(HL_RSEQ_SIGNATURE) "\n"
        "4:\n\t"
        "jmp 5b\n\t"
        ".popsection\n\t"
        : [core] "=&r"(core), [cursor] "=&r"(cursor), [place] "=&r"(place)
        : [rseq] "r"(hl_recorder.rseq_offset), [core_count] "m"(hl_recorder.core_count),
          [cores] "r"(hl_recorder.cores), [segments] "m"(hl_recorder.segments),
          [base] "m"(hl_recorder.clock_base), [kind] "r"(kind), [address] "r"(address), [size] "r"(size),
          [site] "r"(site)
        : "memory", "cc", "rax", "rdx"
        : full, no_core);
    return HL_WRITE_DONE;
full:
    *core_out = (uint32_t)core;
    *cursor_out = cursor;
    return HL_WRITE_FULL;
no_core:
    return HL_WRITE_NO_CORE;
}

// Moves the cursor of `core` from `from` to `to`. 1 when done, 0 when it stood elsewhere or we run on another core.
static inline int hl_buffer_swap_rseq(uint32_t core, uint64_t from, uint64_t to) {
    char *place = (char *)hl_buffer_core(core);
    __asm__ goto volatile(
        ".pushsection __rseq_cs, \"aw\", @progbits\n\t"
        ".balign 32\n"
        "3:\n\t"
        ".long 0, 0\n\t"
        ".quad 1f, 2f - 1f, 4f\n\t"
        ".popsection\n\t"
        "5:\n\t"
        "leaq 3b(%%rip), %%rax\n\t"
        "movq %%rax, %%fs:8(%[rseq])\n"
        "1:\n\t"
        "cmpl %[core], %%fs:4(%[rseq])\n\t"
        "jne %l[no]\n\t"
        "cmpq %[from], (%[place])\n\t"
        "jne %l[no]\n\t"
        "movq %[to], (%[place])\n"
        "2:\n\t"
        ".pushsection .text.unlikely, \"ax\", @progbits\n\t"
        ".byte 0x0f, 0xb9, 0x3d\n\t"
        ".long " HL_RSEQ_TEXT(HL_RSEQ_SIGNATURE) "\n"
        "4:\n\t"
        "jmp 5b\n\t"
        ".popsection\n\t"
        :
        : [rseq] "r"(hl_recorder.rseq_offset), [core] "r"(core), [place] "r"(place), [from] "r"(from),
          [to] "r"(to)
        : "memory", "cc", "rax"
        : no);
    return 1;
no:
    return 0;
}

#elif defined(__aarch64__)
#define HL_RSEQ_SIGNATURE 0xd428bc00

HL_HOT int hl_buffer_write_rseq(uint64_t kind, uint64_t address, uint64_t size, uint64_t site,
                                uint32_t *core_out, uint64_t *cursor_out) {
    char *rseq = (char *)__builtin_thread_pointer() + hl_recorder.rseq_offset;
    uint64_t core, cursor, place, spare;
    __asm__ goto volatile(
        ".pushsection __rseq_cs, \"aw\", @progbits\n\t"
        ".balign 32\n"
        "3:\n\t"
        ".long 0, 0\n\t"
        ".quad 1f, 2f - 1f, 4f\n\t"
        ".popsection\n\t"
        "5:\n\t"
        "adrp %[spare], 3b\n\t"
        "add %[spare], %[spare], :lo12:3b\n\t"
        "str %[spare], [%[rseq], #8]\n"
        "1:\n\t"
        "ldr %w[core], [%[rseq], #4]\n\t"
        "cmp %w[core], %w[core_count]\n\t"
        "b.hs %l[no_core]\n\t"
        "add %[place], %[cores], %[core], lsl #6\n\t"
        "ldr %[cursor], [%[place]]\n\t"
        "tst %[cursor], #0xffff\n\t"
        "b.eq %l[full]\n\t"
        "mrs %[spare], cntvct_el0\n\t"
        "sub %[spare], %[spare], %[base]\n\t"
        "orr %[spare], %[kind], %[spare], lsl #8\n\t"
        "add x9, %[segments], %[cursor]\n\t"
        "stp %[spare], %[address], [x9]\n\t"
        "stp %[size], %[site], [x9, #16]\n\t"
        "add %[spare], %[cursor], #32\n\t"
        "stlr %[spare], [%[place]]\n" // the commit; release pairs with the acquire of whoever drains
        "2:\n\t"
        ".pushsection .text.unlikely, \"ax\", @progbits\n\t"
        ".long " HL_RSEQ_TEXT(HL_RSEQ_SIGNATURE) "\n"
        "4:\n\t"
        "b 5b\n\t"
        ".popsection\n\t"
        : [core] "=&r"(core), [cursor] "=&r"(cursor), [place] "=&r"(place), [spare] "=&r"(spare)
        : [rseq] "r"(rseq), [core_count] "r"(hl_recorder.core_count), [cores] "r"(hl_recorder.cores),
          [segments] "r"(hl_recorder.segments), [base] "r"(hl_recorder.clock_base), [kind] "r"(kind),
          [address] "r"(address), [size] "r"(size), [site] "r"(site)
        : "memory", "cc", "x9"
        : full, no_core);
    return HL_WRITE_DONE;
full:
    *core_out = (uint32_t)core;
    *cursor_out = cursor;
    return HL_WRITE_FULL;
no_core:
    return HL_WRITE_NO_CORE;
}

static inline int hl_buffer_swap_rseq(uint32_t core, uint64_t from, uint64_t to) {
    char *rseq = (char *)__builtin_thread_pointer() + hl_recorder.rseq_offset;
    char *place = (char *)hl_buffer_core(core);
    uint64_t spare;
    __asm__ goto volatile(
        ".pushsection __rseq_cs, \"aw\", @progbits\n\t"
        ".balign 32\n"
        "3:\n\t"
        ".long 0, 0\n\t"
        ".quad 1f, 2f - 1f, 4f\n\t"
        ".popsection\n\t"
        "5:\n\t"
        "adrp %[spare], 3b\n\t"
        "add %[spare], %[spare], :lo12:3b\n\t"
        "str %[spare], [%[rseq], #8]\n"
        "1:\n\t"
        "ldr %w[spare], [%[rseq], #4]\n\t"
        "cmp %w[spare], %w[core]\n\t"
        "b.ne %l[no]\n\t"
        "ldr %[spare], [%[place]]\n\t"
        "cmp %[spare], %[from]\n\t"
        "b.ne %l[no]\n\t"
        "stlr %[to], [%[place]]\n"
        "2:\n\t"
        ".pushsection .text.unlikely, \"ax\", @progbits\n\t"
        ".long " HL_RSEQ_TEXT(HL_RSEQ_SIGNATURE) "\n"
        "4:\n\t"
        "b 5b\n\t"
        ".popsection\n\t"
        : [spare] "=&r"(spare)
        : [rseq] "r"(rseq), [core] "r"(core), [place] "r"(place), [from] "r"(from), [to] "r"(to)
        : "memory", "cc"
        : no);
    return 1;
no:
    return 0;
}
#endif
