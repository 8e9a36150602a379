// SPDX-License-Identifier: Apache-2.0
//
// interning THREADS KEYS SEED: many threads make the same nodes, each in an order of its own, while the index grows again and
// again and the code behind some of them is unloaded. Every key must have one id, and no forgotten id may come back. Then they
// make the same whole stacks at once, with beginnings in common: every stack must have one id, and that id its frames.
#include "stack_memo.h"
#include "platform.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define CAPACITY (1u << 20)
#define GONE_FIRST 0x10000u // code that is unloaded
#define GONE_COUNT 2000u
#define KEPT_FIRST 0x1000000u

static struct hl_node *nodes;
static uint64_t nodes_made;
static uint32_t keys;
static pthread_barrier_t start;

// What intern.c asks the system for, by way of functions that the thread sanitizer knows.
void *hl_platform_map(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}
void hl_platform_touch(void *memory, size_t bytes) {
    madvise(memory, bytes, MADV_WILLNEED);
}
void hl_platform_wipe(void *memory, size_t bytes) {
    madvise(memory, bytes, MADV_DONTNEED);
}
void *hl_platform_map_table(size_t lead, size_t bytes) {
    char *memory = hl_platform_map(4096 + bytes);
    return memory == NULL ? NULL : memory + 4096 - lead;
}
void hl_platform_unmap_table(void *memory, size_t lead, size_t bytes) {
    munmap((char *)memory + lead - 4096, 4096 + bytes);
}
static uint64_t draw(uint64_t *state);
int hl_platform_random(void *to, size_t bytes) { // the same keys for the same seed
    static uint64_t state = 88172645463325252;
    for (size_t i = 0; i < bytes / 8; i++) {
        ((uint64_t *)to)[i] = draw(&state);
    }
    return 1;
}

static int grow(size_t bytes) {
    (void)bytes;
    return 1;
}

struct worker {
    pthread_t thread;
    uint64_t random;
    uint32_t *ids;    // [keys]: of a chain of two nodes each
    uint32_t *stacks; // [keys]
    int wrong;
};

#define STACK_MOST 40u
#define STACK_FIRST 0x2000000u

// The frames of stack `number`, outermost first: a path through a tree in which six of seven frames branch two ways.
static uint32_t stack(uint32_t number, uint64_t pcs[STACK_MOST]) {
    uint32_t count = 1 + number % STACK_MOST;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bit = i % 7 == 0 ? 0 : number >> (i * 5 / 7 % 16) & 1;
        pcs[i] = (STACK_FIRST + i * 2 + bit) | (i % 11 == 10 ? HL_PC_EXACT : 0);
    }
    return count;
}

static int is_stack(uint32_t id, uint32_t number) {
    uint64_t pcs[STACK_MOST];
    uint32_t count = stack(number, pcs);
    while (count-- > 0) {
        uint32_t flags = HL_NODE_VALID | (pcs[count] & HL_PC_EXACT ? HL_NODE_EXACT : 0);
        if (id < HL_ROOT_COUNT || nodes[id].pc != (pcs[count] & ~HL_PC_EXACT) ||
            (nodes[id].flags & ~HL_NODE_FOLLOWS) != flags) {
            return 0;
        }
        id = nodes[id].parent;
    }
    return id == HL_ROOT_COMPLETE;
}

static uint64_t draw(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static void *work(void *argument) {
    struct worker *worker = argument;
    uint32_t *order = malloc(keys * sizeof *order);
    for (uint32_t i = 0; i < keys; i++) {
        uint32_t other = (uint32_t)(draw(&worker->random) % (i + 1));
        order[i] = order[other];
        order[other] = i;
    }
    pthread_barrier_wait(&start);
    for (uint32_t i = 0; i < keys; i++) {
        uint64_t pc = KEPT_FIRST + order[i];
        uint32_t outer = hl_intern(HL_ROOT_COMPLETE, pc, 0);
        worker->ids[order[i]] = hl_intern(outer, pc * 3, pc & 1 ? HL_NODE_EXACT : 0);
    }
    struct hl_recent recent[HL_RECENT];
    void *memory = calloc(1, hl_recent_bytes(STACK_MOST));
    hl_recent_make(recent, memory, STACK_MOST);
    uint32_t base = (uint32_t)(draw(&worker->random) % keys); // near enough to meet the others
    for (uint32_t i = 0; i < keys; i++) {
        uint64_t pcs[STACK_MOST];
        uint32_t number = i % 4 == 0 ? order[i] : (base + i) % keys;
        uint32_t count = stack(number, pcs);
        uint32_t id = hl_stack_chain(recent, pcs, count, HL_ROOT_COMPLETE, 1);
        worker->wrong += worker->stacks[number] != 0 && worker->stacks[number] != id;
        worker->stacks[number] = id;
    }
    free(memory);
    free(order);
    return NULL;
}

int main(int argc, char **argv) {
    uint32_t threads = argc > 1 ? (uint32_t)atoi(argv[1]) : 4;
    keys = argc > 2 ? (uint32_t)atoi(argv[2]) : 100000;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    nodes = mmap(NULL, CAPACITY * sizeof *nodes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (nodes == MAP_FAILED || !hl_intern_start(nodes, &nodes_made, CAPACITY, grow)) {
        return 2;
    }
    uint32_t gone[GONE_COUNT], inside[GONE_COUNT], through[GONE_COUNT];
    for (uint32_t i = 0; i < GONE_COUNT; i++) {
        gone[i] = hl_intern(HL_ROOT_COMPLETE, GONE_FIRST + i, 0);
        uint64_t pcs[] = {KEPT_FIRST - 1 - i, GONE_FIRST + i, KEPT_FIRST - 1 - i}; // made at once: the gone one follows
        uint32_t ids[3];
        through[i] = hl_intern_frames(HL_ROOT_COMPLETE, pcs, 3, ids);
        inside[i] = ids[1];
    }
    pthread_barrier_init(&start, NULL, threads + 1);
    struct worker *workers = calloc(threads, sizeof *workers);
    for (uint32_t i = 0; i < threads; i++) {
        workers[i].random = (seed + i) * 0x9e3779b97f4a7c15u | 1;
        workers[i].ids = calloc(keys, sizeof(uint32_t));
        workers[i].stacks = calloc(keys, sizeof(uint32_t));
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    pthread_barrier_wait(&start);
    hl_intern_forget(GONE_FIRST, GONE_FIRST + GONE_COUNT); // while the first index is being left
    int wrong = 0;
    for (uint32_t i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        wrong += workers[i].wrong;
    }
    uint32_t stacks = 0;
    for (uint32_t number = 0; number < keys; number++) {
        uint32_t id = 0;
        for (uint32_t i = 0; i < threads; i++) {
            uint32_t its = workers[i].stacks[number];
            wrong += its != 0 && id != 0 && its != id;
            id = its != 0 ? its : id;
        }
        stacks += id != 0;
        wrong += id != 0 && !is_stack(id, number);
    }
    wrong += stacks < keys / 2;
    for (uint32_t key = 0; key < keys; key++) {
        uint64_t pc = KEPT_FIRST + key;
        uint32_t id = workers[0].ids[key];
        for (uint32_t i = 1; i < threads; i++) {
            wrong += workers[i].ids[key] != id;
        }
        wrong += nodes[id].pc != pc * 3 || nodes[nodes[id].parent].pc != pc;
        wrong += hl_intern(nodes[id].parent, pc * 3, pc & 1 ? HL_NODE_EXACT : 0) != id;
    }
    int back = 0;
    for (uint32_t i = 0; i < GONE_COUNT; i++) {
        back += hl_intern(HL_ROOT_COMPLETE, GONE_FIRST + i, 0) == gone[i];
        uint64_t pcs[] = {KEPT_FIRST - 1 - i, GONE_FIRST + i, KEPT_FIRST - 1 - i};
        uint32_t ids[3];
        uint32_t id = hl_intern_frames(HL_ROOT_COMPLETE, pcs, 3, ids);
        back += id == through[i] || ids[1] == inside[i];
        wrong += nodes[nodes[id].parent].parent != nodes[inside[i]].parent; // what lies outside of it is still there
        wrong += hl_intern_frames(HL_ROOT_COMPLETE, pcs, 3, ids) != id;
    }
    printf("%u threads, %u keys, %u stacks, %llu nodes: %d wrong, %d came back\n", threads, keys, stacks,
           (unsigned long long)nodes_made, wrong, back);
    return wrong || back;
}
