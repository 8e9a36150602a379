// SPDX-License-Identifier: Apache-2.0
//
// Loops that differ in the call stacks of their allocations.

#include "workload.h"

#define FRAME __attribute__((noinline))

uint64_t workload_tight(uint64_t events, uint64_t ignored) {
    (void)ignored;
    for (uint64_t i = 0; i < events / 2; i++) free(workload_keep(malloc(64)));
    return events / 2 * 2;
}

// Not a tail call: something is done after each call.
static FRAME uint64_t descend(uint64_t depth, uint64_t events) {
    if (depth == 0) return workload_tight(events, 0);
    uint64_t made = descend(depth - 1, events);
    __asm__ volatile("" : "+r"(made));
    return made;
}

uint64_t workload_deep(uint64_t events, uint64_t depth) {
    return descend(depth > 3 ? depth - 3 : 0, events); // main, this and the loop are frames, too
}

// The tree: 30 levels, at each of which one of two functions is called. Which, is said by a bit of the stack's number at so many
// levels as the number has bits, spread evenly from the outside in: two stacks drawn at random differ in their outer half
// nearly always, so little of one helps with the next.

#define LEVELS 30
#define RING 1024

struct tree {
    uint64_t branching; // bit l: level l branches
    void *ring[RING];
    uint64_t turn;
};

static FRAME void left(struct tree *tree, uint64_t number, int level);
static FRAME void right(struct tree *tree, uint64_t number, int level);

static inline void next_level(struct tree *tree, uint64_t number, int level) {
    if (level == LEVELS) {
        uint64_t at = tree->turn++ % RING;
        free(tree->ring[at]);
        tree->ring[at] = malloc(16 + (number & 127));
        return;
    }
    int branches = (int)(tree->branching >> level & 1);
    if (branches && (number & 1)) right(tree, number >> 1, level + 1);
    else left(tree, number >> branches, level + 1);
}

static FRAME void left(struct tree *tree, uint64_t number, int level) {
    next_level(tree, number, level);
    __asm__ volatile("" : : "r"(level) : "memory");
}

static FRAME void right(struct tree *tree, uint64_t number, int level) {
    next_level(tree, number, level);
    __asm__ volatile("" : : "r"(number) : "memory");
}

uint64_t workload_tree(uint64_t events, uint64_t stacks) {
    static struct tree tree;
    int bits = 0;
    while (bits < LEVELS && (uint64_t)1 << bits < stacks) bits++;
    for (int bit = 0; bit < bits; bit++) tree.branching |= (uint64_t)1 << bit * LEVELS / bits;
    uint64_t random = 5, pairs = events / 2;
    for (uint64_t i = 0; i < pairs; i++) left(&tree, workload_random(&random) % stacks, 0);
    uint64_t freed = pairs > RING ? pairs - RING : 0;
    for (uint64_t i = 0; i < RING; i++)
        if (tree.ring[i]) {
            free(tree.ring[i]);
            freed++;
        }
    return pairs + freed;
}
