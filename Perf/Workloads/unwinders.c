// SPDX-License-Identifier: Apache-2.0
//
// What a call stack alone costs, in process: nanoseconds per capture, and frames per second, of hl_stack_capture,
// _Unwind_Backtrace and libunwind's unw_backtrace, taken in turns in one run. Prints for each workload and way, between tabs, the
// median of the rounds and the fastest: nanoseconds added, and frames per capture. Without libunwind: -DNO_LIBUNWIND.
#define UNW_LOCAL_ONLY
#include "stack.h"

#if !defined(NO_LIBUNWIND)
#include <libunwind.h>
#endif
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unwind.h>

#define NODES (1u << 20)
#define ROUNDS 9
#define MOST 512

enum way { NOTHING, MEMO, RUNTIME, LIBUNWIND, WAYS };
static const char *const names[WAYS] = {"call", "heapline", "_Unwind_Backtrace", "unw_backtrace"};

static struct hl_node *nodes;
static uint64_t nodes_made;
static struct hl_stack_memo *memo;
static enum way way;
static unsigned depth = 32;
static volatile int sink, sink_id;
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
    uintptr_t pcs[MOST + 1];
    switch (way) {
    case MEMO:
        sink_id = (int)hl_stack_capture(memo, pc, sp, fp, depth);
        break;
    case RUNTIME:
        pcs[0] = 0;
        _Unwind_Backtrace(count_frame, pcs);
        frames_seen += pcs[0];
        break;
#if !defined(NO_LIBUNWIND)
    case LIBUNWIND:
        frames_seen += (uint64_t)unw_backtrace((void **)pcs, (int)depth);
        break;
#endif
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

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

// Frames of what gives an id come from the id.
static unsigned frames_of(uint32_t id) {
    unsigned count = 0;
    for (; id >= HL_ROOT_COUNT; id = nodes[id].parent) count++;
    return count;
}

static void measure(const char *name, int left, long count, void (*leaf)(long)) {
    double added[WAYS][ROUNDS], frames[WAYS] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        double untouched = 0;
        for (int each = 0; each < WAYS; each++) {
            long captures = each == RUNTIME ? count / 20 : count;
            way = (enum way)each;
            frames_seen = 0;
            double start = now();
            descend(left, captures, leaf);
            double taken = (now() - start) / (double)captures;
            if (each == NOTHING) untouched = taken;
            added[each][round] = taken - untouched;
            frames[each] = each == MEMO ? frames_of((uint32_t)sink_id) : (double)frames_seen / (double)captures;
        }
    }
    for (int each = MEMO; each < WAYS; each++) {
        if (frames[each] == 0) continue; // not built in
        qsort(added[each], ROUNDS, sizeof added[each][0], compare);
        printf("%s\t%s\t%.2f\t%.2f\t%.1f\n", name, names[each], added[each][ROUNDS / 2], added[each][0], frames[each]);
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
    memo = hl_stack_memo_make(map(hl_stack_memo_bytes(depth)), depth, (uintptr_t)low, (uintptr_t)low + bytes);
    measure("the same stack of 6 frames", 0, count, same_leaf);
    measure("the same stack of 32 frames", 30, count, same_leaf);
    measure("three leaves in turn, 32 frames", 30, count, three_leaves);
    measure("5,000 stacks at random, 32 frames", 0, count / 4, tree);
    return 0;
}
