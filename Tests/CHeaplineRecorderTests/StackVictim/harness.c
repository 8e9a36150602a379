// SPDX-License-Identifier: Apache-2.0
//
// See harness.h. Usage: victim DEPTH SEED ROUNDS NAME... ; prints one line per victim, exits with 1 after a mismatch.
// With VICTIM_NODES=N the node table holds N nodes only: stacks may then be cut, with what is left of them right.
// A victim in Swift has its own main, and calls harness_run and harness_result.
#include "harness.h"
#include "stack_memo.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unwind.h>

#define NODES (1u << 20)
#define MOST 1024

static struct hl_node *nodes;
static uint64_t nodes_made;
static unsigned depth;
static unsigned capacity = NODES;
static long probes, mismatches, cut;
static __thread struct hl_stack_memo *memo;
static __thread uint64_t random_state = 1;
volatile int harness_sink;

void harness_probe(uintptr_t pc, uintptr_t sp, uintptr_t fp);
void harness_start_thread_once(void);
int harness_result(const char *name);
int harness_run(int count, char **arguments);

// probe() stands for malloc's hook: registers as its caller has them, and unwind information of its own.
__asm__(".text\n"
        ".globl probe\n"
        ".type probe, @function\n"
        "probe:\n"
        "  .cfi_startproc\n"
#if defined(__x86_64__)
        "  movq (%rsp), %rdi\n"
        "  leaq 8(%rsp), %rsi\n"
        "  movq %rbp, %rdx\n"
        "  subq $8, %rsp\n"
        "  .cfi_adjust_cfa_offset 8\n"
        "  call harness_probe\n"
        "  addq $8, %rsp\n"
        "  .cfi_adjust_cfa_offset -8\n"
        "  ret\n"
#else
        "  stp x29, x30, [sp, #-16]!\n"
        "  .cfi_adjust_cfa_offset 16\n"
        "  .cfi_offset x29, -16\n"
        "  .cfi_offset x30, -8\n"
        "  mov x0, x30\n"
        "  add x1, sp, #16\n"
        "  mov x2, x29\n"
        "  bl harness_probe\n"
        "  ldp x29, x30, [sp], #16\n"
        "  .cfi_adjust_cfa_offset -16\n"
        "  .cfi_restore x29\n"
        "  .cfi_restore x30\n"
        "  ret\n"
#endif
        "  .cfi_endproc\n"
        "  .size probe, . - probe\n");

struct reference {
    uintptr_t from;
    unsigned count;
    uintptr_t pcs[MOST];
    int exact[MOST];
};

static _Unwind_Reason_Code reference_frame(struct _Unwind_Context *context, void *argument) {
    struct reference *reference = argument;
    int exact = 0;
    uintptr_t pc = _Unwind_GetIPInfo(context, &exact);
    if (reference->from != 0 && pc != reference->from) {
        return _URC_NO_REASON;
    }
    reference->from = 0;
    if (reference->count < MOST && pc != 0) {
        reference->exact[reference->count] = exact;
        reference->pcs[reference->count++] = pc;
    }
    return _URC_NO_REASON;
}

static void print_stack(const char *name, uint32_t id) {
    printf("  %s:", name);
    for (; id >= HL_ROOT_COUNT; id = nodes[id].parent) {
        printf(" %lx%s", (unsigned long)nodes[id].pc, nodes[id].flags & HL_NODE_EXACT ? "!" : "");
    }
    printf(" root %u\n", id);
}

// What is wrong with the stack `id`, or NULL.
static const char *disagreement(uint32_t id, const struct reference *reference) {
    unsigned at = 0;
    for (; id >= HL_ROOT_COUNT; id = nodes[id].parent, at++) {
        if (at == reference->count) {
            // The runtime gives up where a signal interrupted an entry without unwind information (aarch64's PLT).
            if (at > 0 && reference->exact[at - 1]) {
                return NULL;
            }
            return "more frames than the C runtime finds";
        }
        if (nodes[id].pc != reference->pcs[at]) {
            return "another frame than the C runtime finds";
        }
        if (((nodes[id].flags & HL_NODE_EXACT) != 0) != (reference->exact[at] != 0)) {
            return "an interrupted frame taken for a call, or the other way round";
        }
    }
    if (id == HL_ROOT_TABLE_FULL && capacity < NODES) {
        __atomic_fetch_add(&cut, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    if (id == HL_ROOT_DEPTH) {
        return at == depth && reference->count >= at ? NULL : "cut, but not at the depth limit";
    }
    if (id != HL_ROOT_COMPLETE) {
        return "unfinished";
    }
    return at == reference->count ? NULL : "fewer frames than the C runtime finds";
}

static struct hl_registers registers(uintptr_t pc, uintptr_t sp, uintptr_t fp) {
    return (struct hl_registers){.pc = pc, .sp = sp, .fp = fp};
}

static __thread const void *const *expected;
static __thread unsigned expected_count;
static __thread uint32_t expected_root;

static const char *unexpected(uint32_t id) {
    for (unsigned i = 0; i < expected_count && i < depth; i++, id = nodes[id].parent) {
        uintptr_t start = (uintptr_t)expected[i];
        if (id < HL_ROOT_COUNT || nodes[id].pc <= start || nodes[id].pc > start + 256) {
            return "another frame than expected";
        }
    }
    while (id >= HL_ROOT_COUNT) {
        id = nodes[id].parent;
    }
    return expected_root == 0 || id == expected_root || id == HL_ROOT_DEPTH ? NULL : "another root than expected";
}

void harness_probe(uintptr_t pc, uintptr_t sp, uintptr_t fp) {
    struct hl_registers from = registers(pc, sp, fp);
    // Which way a capture goes is the recorder's choice; of four probes one each is made to go either way.
    unsigned turn = (unsigned)__atomic_load_n(&probes, __ATOMIC_RELAXED) % 4;
    memo->blind = turn == 1;
    memo->astray = turn == 1 && (probes & 4) != 0;
    if (turn == 2) {
        memo->misses = memo->wait;
    }
    uint32_t remembered = hl_stack_capture(memo, from.pc, from.sp, from.fp, depth);
    uint32_t full = hl_stack_capture_full(from, depth);
    struct reference reference = {.from = pc};
    const char *problem = remembered != full && capacity == NODES ? "memo and full walk differ" : NULL;
    if (expected != NULL) {
        problem = problem != NULL ? problem : unexpected(full);
    } else if (problem == NULL) {
        _Unwind_Backtrace(reference_frame, &reference);
        problem = disagreement(full, &reference);
        problem = problem != NULL ? problem : disagreement(remembered, &reference);
    }
    __atomic_fetch_add(&probes, 1, __ATOMIC_RELAXED);
    if (problem != NULL && __atomic_fetch_add(&mismatches, 1, __ATOMIC_RELAXED) < 3) {
        printf("  probe %ld: %s\n", probes, problem);
        print_stack("memo", remembered);
        print_stack("full", full);
        printf("  runtime:");
        for (unsigned i = 0; i < reference.count; i++) {
            printf(" %lx%s", (unsigned long)reference.pcs[i], reference.exact[i] ? "!" : "");
        }
        printf("\n");
    }
}

void harness_expect(const void *const *places, unsigned count, uint32_t root) {
    expected = places;
    expected_count = count;
    expected_root = root;
}

static int grow(size_t bytes) {
    return bytes <= capacity * sizeof(struct hl_node);
}

void harness_start(unsigned frames) {
    depth = frames;
    const char *limit = getenv("VICTIM_NODES");
    capacity = limit != NULL ? (unsigned)atoi(limit) : NODES;
    nodes = mmap(NULL, NODES * sizeof *nodes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (nodes == MAP_FAILED || !hl_intern_start(nodes, &nodes_made, capacity, grow)) {
        abort();
    }
    harness_start_thread();
}

void harness_start_thread(void) {
    pthread_attr_t attributes;
    void *low;
    size_t bytes;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &low, &bytes);
    pthread_attr_destroy(&attributes);
    size_t memo_bytes = hl_stack_memo_bytes(depth);
    void *memory = mmap(NULL, memo_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memo = hl_stack_memo_make(memory, depth, (uintptr_t)low, (uintptr_t)low + bytes);
}

void harness_modules_changed(void) {
    hl_stack_modules_changed();
}

void harness_seed(uint64_t seed) {
    random_state = seed;
}

unsigned harness_random(void) {
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 33);
}

#define VICTIM(name) {#name, victim_##name}
#define OPTIONAL(name) __attribute__((weak)) void victim_##name(int rounds)
OPTIONAL(recursion);
OPTIONAL(jumps);
OPTIONAL(contexts);
OPTIONAL(signals);
OPTIONAL(threads);
OPTIONAL(assembly);
OPTIONAL(modules);
OPTIONAL(exceptions);
OPTIONAL(debug_frame);

static const struct {
    const char *name;
    void (*run)(int rounds);
} victims[] = {
    VICTIM(recursion), VICTIM(jumps),   VICTIM(contexts),   VICTIM(signals), VICTIM(threads),
    VICTIM(assembly),  VICTIM(modules), VICTIM(exceptions), VICTIM(debug_frame),
};

void harness_start_thread_once(void) {
    if (memo == NULL) {
        harness_start_thread();
    }
}

// The line and the status of one victim.
int harness_result(const char *name) {
    printf("%s: probes %ld mismatches %ld cut %ld nodes %lu\n", name, probes, mismatches, cut,
           (unsigned long)nodes_made);
    int result = mismatches != 0 || probes == 0;
    probes = mismatches = cut = 0;
    return result;
}

int harness_run(int count, char **arguments) {
    if (count < 4) {
        fprintf(stderr, "usage: %s DEPTH SEED ROUNDS VICTIM...\n", arguments[0]);
        return 64;
    }
    harness_start((unsigned)atoi(arguments[1]));
    int result = 0;
    for (int i = 4; i < count; i++) {
        for (size_t each = 0; each < sizeof victims / sizeof *victims; each++) {
            if (strcmp(arguments[i], victims[each].name) == 0 && victims[each].run != NULL) {
                harness_seed((uint64_t)atoll(arguments[2]));
                victims[each].run(atoi(arguments[3]));
                result |= harness_result(arguments[i]);
            }
        }
    }
    return result;
}

__attribute__((weak)) int main(int count, char **arguments) {
    return harness_run(count, arguments);
}
