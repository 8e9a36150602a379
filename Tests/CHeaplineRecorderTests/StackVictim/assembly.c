// SPDX-License-Identifier: Apache-2.0
//
// Frames that compilers rarely make: based on another register, without unwind information but with a frame pointer (as in
// the program, and as code made at run time), with neither; and one that nobody called.
#include "harness.h"
#include "heapline_format.h"

#include <string.h>
#include <sys/mman.h>

void assembly_based(void (*call)(void));        // its frame is found through rbx (x21)
void assembly_undescribed(void (*call)(void));  // no unwind information, a frame pointer
void assembly_unfinished(void (*call)(void));   // neither, and the frame pointer register holds something else
void assembly_ending(void (*call)(void));      // described, and its return address is 0 meanwhile, as where a thread begins
extern const char assembly_undescribed_end[];

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl assembly_based\n"
        "assembly_based:\n"
        "  .cfi_startproc\n"
        "  pushq %rbx\n"
        "  .cfi_adjust_cfa_offset 8\n"
        "  .cfi_offset rbx, -16\n"
        "  movq %rsp, %rbx\n"
        "  .cfi_def_cfa rbx, 16\n"
        "  subq $100, %rsp\n"
        "  andq $-32, %rsp\n"
        "  callq *%rdi\n"
        "  movq %rbx, %rsp\n"
        "  .cfi_def_cfa rsp, 16\n"
        "  popq %rbx\n"
        "  .cfi_adjust_cfa_offset -8\n"
        "  ret\n"
        "  .cfi_endproc\n"
        ".globl assembly_undescribed\n"
        "assembly_undescribed:\n"
        "  pushq %rbp\n"
        "  movq %rsp, %rbp\n"
        "  subq $32, %rsp\n"
        "  callq *%rdi\n"
        "  leave\n"
        "  ret\n"
        ".globl assembly_undescribed_end\n"
        "assembly_undescribed_end:\n"
        ".fill 256, 1, 0x90\n"
        ".globl assembly_unfinished\n"
        "assembly_unfinished:\n"
        "  pushq %rbp\n"
        "  movq $12345, %rbp\n"
        "  callq *%rdi\n"
        "  popq %rbp\n"
        "  ret\n"
        ".fill 256, 1, 0x90\n"
        ".globl assembly_ending\n"
        "assembly_ending:\n"
        "  .cfi_startproc\n"
        "  pushq %rbx\n"
        "  .cfi_adjust_cfa_offset 8\n"
        "  .cfi_offset rbx, -16\n"
        "  movq 8(%rsp), %rbx\n"
        "  movq $0, 8(%rsp)\n"
        "  callq *%rdi\n"
        "  movq %rbx, 8(%rsp)\n"
        "  popq %rbx\n"
        "  .cfi_adjust_cfa_offset -8\n"
        "  ret\n"
        "  .cfi_endproc\n");
#else
__asm__(".text\n"
        ".globl assembly_based\n"
        "assembly_based:\n"
        "  .cfi_startproc\n"
        "  stp x21, x30, [sp, #-16]!\n"
        "  .cfi_adjust_cfa_offset 16\n"
        "  .cfi_offset x21, -16\n"
        "  .cfi_offset x30, -8\n"
        "  mov x21, sp\n"
        "  .cfi_def_cfa x21, 16\n"
        "  sub sp, sp, #112\n"
        "  blr x0\n"
        "  mov sp, x21\n"
        "  .cfi_def_cfa sp, 16\n"
        "  ldp x21, x30, [sp], #16\n"
        "  .cfi_adjust_cfa_offset -16\n"
        "  .cfi_restore x21\n"
        "  .cfi_restore x30\n"
        "  ret\n"
        "  .cfi_endproc\n"
        ".globl assembly_undescribed\n"
        "assembly_undescribed:\n"
        "  stp x29, x30, [sp, #-16]!\n"
        "  mov x29, sp\n"
        "  blr x0\n"
        "  ldp x29, x30, [sp], #16\n"
        "  ret\n"
        ".globl assembly_undescribed_end\n"
        "assembly_undescribed_end:\n"
        ".fill 64, 4, 0xd503201f\n"
        ".globl assembly_unfinished\n"
        "assembly_unfinished:\n"
        "  stp x29, x30, [sp, #-16]!\n"
        "  mov x29, #12345\n"
        "  blr x0\n"
        "  ldp x29, x30, [sp], #16\n"
        "  ret\n"
        ".fill 64, 4, 0xd503201f\n"
        ".globl assembly_ending\n"
        "assembly_ending:\n"
        "  .cfi_startproc\n"
        "  stp x21, x30, [sp, #-16]!\n"
        "  .cfi_adjust_cfa_offset 16\n"
        "  .cfi_offset x21, -16\n"
        "  .cfi_offset x30, -8\n"
        "  mov x21, x30\n"
        "  str xzr, [sp, #8]\n"
        "  blr x0\n"
        "  str x21, [sp, #8]\n"
        "  ldp x21, x30, [sp], #16\n"
        "  .cfi_adjust_cfa_offset -16\n"
        "  .cfi_restore x21\n"
        "  .cfi_restore x30\n"
        "  ret\n"
        "  .cfi_endproc\n");
#endif

__attribute__((noinline)) static void call_probe(void) {
    probe();
    harness_sink = 1;
}

__attribute__((noinline)) static int descend(int left) {
    if (left == 0) {
        assembly_based(call_probe);
        return 0;
    }
    if (left % 5 == 0) {
        assembly_based(call_probe);
    }
    int result = descend(left - 1);
    harness_sink = result;
    return result + 1;
}

__attribute__((noinline)) static void nested(void) {
    descend((int)(harness_random() % 10));
    harness_sink = 2;
}

void victim_assembly(int rounds) {
    size_t bytes = (size_t)(assembly_undescribed_end - (const char *)assembly_undescribed);
    void *made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(made, (const void *)assembly_undescribed, bytes);
    mprotect(made, 4096, PROT_READ | PROT_EXEC);
    __builtin___clear_cache(made, (char *)made + bytes);
    void (*made_call)(void (*)(void));
    memcpy(&made_call, &made, sizeof made_call);
    for (int i = 0; i < rounds; i++) {
        descend((int)(harness_random() % 20));
        assembly_based(nested);
        const void *described[] = {(const void *)call_probe, (const void *)assembly_undescribed,
                                   (const void *)victim_assembly};
        harness_expect(described, 2, HL_ROOT_COMPLETE);
        assembly_undescribed(call_probe);
        described[1] = made;
        made_call(call_probe);
        described[1] = (const void *)assembly_unfinished;
        harness_expect(described, 2, HL_ROOT_NO_RULE);
        assembly_unfinished(call_probe);
        described[1] = (const void *)assembly_ending;
        harness_expect(described, 2, HL_ROOT_COMPLETE);
        for (int j = 0; j < 4; j++) { // by each way of walking
            assembly_ending(call_probe);
        }
        harness_expect(NULL, 0, 0);
    }
}
