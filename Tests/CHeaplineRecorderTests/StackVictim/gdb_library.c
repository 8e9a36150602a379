// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into a program under gdb: captures at every malloc of the main thread, and stops in gdb_stop() at every GDB_EVERY-th, where
// compare.py holds gdb's own backtrace against gdb_pcs.
#include "stack.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NODES (1u << 20)
#define DEPTH 200

uint64_t gdb_pcs[DEPTH];
uint64_t gdb_count;
uint64_t gdb_root;
static struct hl_node *nodes;
static uint64_t nodes_made;
static struct hl_stack_memo *memo;
static unsigned long calls;
static unsigned long every;

void *__libc_malloc(size_t bytes);
void gdb_stop(void);
void gdb_capture(uintptr_t pc, uintptr_t sp, uintptr_t fp);

__asm__(".text\n"
        ".globl malloc\n"
        ".type malloc, @function\n"
        "malloc:\n"
        "  .cfi_startproc\n"
        "  pushq %rdi\n"
        "  .cfi_adjust_cfa_offset 8\n"
        "  movq 8(%rsp), %rdi\n"
        "  leaq 16(%rsp), %rsi\n"
        "  movq %rbp, %rdx\n"
        "  call gdb_capture@PLT\n"
        "  popq %rdi\n"
        "  .cfi_adjust_cfa_offset -8\n"
        "  jmp __libc_malloc@PLT\n"
        "  .cfi_endproc\n"
        "  .size malloc, . - malloc\n");

__attribute__((noinline)) void gdb_stop(void) {
    __asm__ volatile("" ::: "memory");
}

static int grow(size_t bytes) {
    return bytes <= NODES * sizeof *nodes;
}

static void *map(size_t bytes) {
    return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

void gdb_capture(uintptr_t pc, uintptr_t sp, uintptr_t fp) {
    if (syscall(SYS_gettid) != getpid()) {
        return;
    }
    if (memo == NULL) {
        nodes = map(NODES * sizeof *nodes);
        hl_intern_start(nodes, &nodes_made, NODES, grow);
        memo = hl_stack_memo_make(map(hl_stack_memo_bytes(DEPTH)), DEPTH, 0, 0);
        const char *value = getenv("GDB_EVERY");
        every = value != NULL ? strtoul(value, NULL, 10) : 1000;
    }
    uint32_t id = hl_stack_capture(memo, pc, sp, fp, DEPTH);
    if (++calls % every != 0) {
        return;
    }
    gdb_count = 0;
    for (; id >= HL_ROOT_COUNT && gdb_count < DEPTH; id = nodes[id].parent) {
        gdb_pcs[gdb_count++] = nodes[id].pc;
    }
    gdb_root = id;
    gdb_stop();
}
