// SPDX-License-Identifier: Apache-2.0
//
// What a call stack costs: nanoseconds per capture, and frames per second, of hl_stack_capture, hl_stack_capture_full,
// _Unwind_Backtrace and libunwind's unw_backtrace, taken in turns in one run; the best of several rounds is printed.
// Built and run by stacks.sh.
#define UNW_LOCAL_ONLY
#include "stack.h"

#include <libunwind.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unwind.h>

#define NODES (1u << 20)
#define ROUNDS 5
#define MOST 512

enum way { NOTHING, MEMO, FULL, RUNTIME, LIBUNWIND, WAYS };
static const char *const names[WAYS] = {"call", "memo", "full walk", "_Unwind_Backtrace", "unw_backtrace"};

static struct hl_node *nodes;
static uint64_t nodes_made;
static struct hl_stack_memo *memo;
static enum way way;
static unsigned depth = 32;
static volatile int sink;
static uint64_t frames_seen;

void probe(void);
void take(uintptr_t pc, uintptr_t sp, uintptr_t fp);

__asm__(".text\n"
        ".globl probe\n"
        ".type probe, @function\n"
        "probe:\n"
        "  .cfi_startproc\n"
        "  movq (%rsp), %rdi\n"
        "  leaq 8(%rsp), %rsi\n"
        "  movq %rbp, %rdx\n"
        "  subq $8, %rsp\n"
        "  .cfi_adjust_cfa_offset 8\n"
        "  call take\n"
        "  addq $8, %rsp\n"
        "  .cfi_adjust_cfa_offset -8\n"
        "  ret\n"
        "  .cfi_endproc\n"
        "  .size probe, . - probe\n");

static _Unwind_Reason_Code count_frame(struct _Unwind_Context *context, void *argument) {
    uintptr_t *pcs = argument;
    pcs[++pcs[0]] = _Unwind_GetIP(context);
    return pcs[0] < depth ? _URC_NO_REASON : _URC_END_OF_STACK;
}

void take(uintptr_t pc, uintptr_t sp, uintptr_t fp) {
    struct hl_registers from = {.pc = pc, .sp = sp, .fp = fp};
    uintptr_t pcs[MOST + 1];
    switch (way) {
    case MEMO:
        sink = (int)hl_stack_capture(memo, pc, sp, fp, depth);
        break;
    case FULL:
        sink = (int)hl_stack_capture_full(from, depth);
        break;
    case RUNTIME:
        pcs[0] = 0;
        _Unwind_Backtrace(count_frame, pcs);
        frames_seen += pcs[0];
        break;
    case LIBUNWIND:
        frames_seen += (uint64_t)unw_backtrace((void **)pcs, (int)depth);
        break;
    default:
        break;
    }
}

#define KEPT __attribute__((noinline)) static
KEPT void one(void) {
    probe();
    sink++;
}
KEPT void two(void) {
    one();
    sink++;
}
KEPT void three(void) {
    two();
    sink++;
}
KEPT void same_leaf(long count) {
    for (long i = 0; i < count; i++) {
        probe();
    }
    sink = 1;
}
KEPT void three_leaves(long count) {
    for (long i = 0; i < count; i += 3) {
        one();
        two();
        three();
    }
    sink = 1;
}
KEPT void descend(int left, long count, void (*leaf)(long)) {
    if (left > 0) {
        descend(left - 1, count, leaf);
    } else {
        leaf(count);
    }
    sink++;
}

static uint64_t state = 1;
static unsigned choose(void) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(state >> 33);
}
KEPT void branch(int left, uint64_t path);
#define BRANCH(n)                                                                                  \
    KEPT void branch_##n(int left, uint64_t path) {                                                \
        branch(left - 1, path / 4);                                                                \
        sink = n;                                                                                  \
    }
BRANCH(0) BRANCH(1) BRANCH(2) BRANCH(3)
KEPT void branch(int left, uint64_t path) {
    static void (*const branches[])(int, uint64_t) = {branch_0, branch_1, branch_2, branch_3};
    if (left <= 0) {
        probe();
    } else {
        branches[path % 4](left, path);
    }
    sink++;
}
KEPT void tree(long count) {
    for (long i = 0; i < count; i++) {
        branch(14, (uint64_t)(choose() % 5000) * 2654435761u);
    }
    sink = 1;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time); // other programs on the machine do not count
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int grow(size_t bytes) {
    return bytes <= NODES * sizeof *nodes;
}
static void *map(size_t bytes) {
    return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void measure(const char *name, int left, long count, void (*leaf)(long), unsigned frames) {
    double best[WAYS];
    double per_capture[WAYS];
    for (int each = 0; each < WAYS; each++) {
        best[each] = 1e18;
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int each = 0; each < WAYS; each++) {
            long captures = each <= MEMO || each == LIBUNWIND ? count : count / 100;
            way = (enum way)each;
            frames_seen = 0;
            double start = now();
            descend(left, captures, leaf);
            double taken = (now() - start) / (double)captures;
            best[each] = taken < best[each] ? taken : best[each];
            per_capture[each] = each >= RUNTIME ? (double)frames_seen / (double)captures : frames;
        }
    }
    for (int each = MEMO; each < WAYS; each++) {
        double added = best[each] - best[NOTHING];
        printf("%-24s %-18s %9.1f ns  %8.2f M frames/s\n", name, names[each], added,
               per_capture[each] / added * 1e3);
    }
}

int main(int argc, char **argv) {
    long count = argc > 1 ? atol(argv[1]) : 300000;
    nodes = map(NODES * sizeof *nodes);
    hl_intern_start(nodes, &nodes_made, NODES, grow);
    pthread_attr_t attributes;
    void *low;
    size_t bytes;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &low, &bytes);
    depth = 200;
    memo = hl_stack_memo_make(map(hl_stack_memo_bytes(depth)), depth, (uintptr_t)low, (uintptr_t)low + bytes);
    if (argc > 2) { // only captures, of one workload: for instruction counts
        way = MEMO;
        descend(argv[2][0] == 't' ? 0 : 26, count, argv[2][0] == 't' ? tree : argv[2][0] == '3' ? three_leaves : same_leaf);
        return 0;
    }
    measure("same stack, 6 frames", 0, count, same_leaf, 6);
    measure("same stack, 32 frames", 26, count, same_leaf, 32);
    measure("three leaves, 32 frames", 25, count, three_leaves, 32);
    measure("5000 stacks, 36 frames", 0, count, tree, 36);
    return 0;
}
