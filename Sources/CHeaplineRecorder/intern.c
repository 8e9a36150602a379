// SPDX-License-Identifier: Apache-2.0
//
// From (parent, pc) to a node id: one table of nodes in the process file for the reader, one hash index in private memory
// for us. Read heapline_format.h's "Stacks" before.
//
// Protocol. A writer of a new node reserves the next id in `nodes_made`, fills the node, stores its flags with release (the
// node exists for the reader), then puts (tag, id) into an empty index entry by compare-exchange with release (the node
// exists for other threads, whose acquire load of the entry lets them see it filled). Nothing is ever moved or taken
// out, so a thread killed or interrupted in between leaves at worst a node that nobody refers to. Two threads that
// make the same node at once: the loser of the compare-exchange finds the winner's entry and uses it.
#include "stack.h"
#include "unwinder.h"
#include "unwind_system.h"

#define NODES_PER_GROWTH 4096u // 64 KiB
#define PROBE_LIMIT 64u
// The last part of the table is kept for stacks that begin at HL_ROOT_TABLE_FULL: a full table shortens stacks, not to nothing.
#define FULL_RESERVE(capacity) ((capacity) / 16)

static struct {
    struct hl_node *nodes;
    uint64_t *made;     // next id
    uint64_t *index;    // entries of (tag << 32) | id; 0: empty
    uint64_t mask;      // entries - 1
    uint32_t capacity;
    uint32_t grown;     // nodes that have storage
    uint32_t first_id;  // ids below belong to an earlier epoch and are not given out any more
    int (*grow)(size_t bytes);
} table;

int hl_intern_start(struct hl_node *nodes, uint64_t *nodes_made, uint32_t capacity,
                    int (*grow)(size_t bytes)) {
    uint64_t entries = 1024;
    while (entries < (uint64_t)capacity * 2) {
        entries *= 2;
    }
    uint64_t *index = hl_system_memory(entries * sizeof *index);
    if (index == NULL) {
        return 0;
    }
    if (__atomic_load_n(nodes_made, __ATOMIC_RELAXED) < HL_ROOT_COUNT) {
        __atomic_store_n(nodes_made, HL_ROOT_COUNT, __ATOMIC_RELAXED);
    }
    table.nodes = nodes;
    table.made = nodes_made;
    table.mask = entries - 1;
    table.capacity = capacity;
    table.grown = 0;
    table.first_id = HL_ROOT_COUNT;
    table.grow = grow;
    // Release: pairs with the acquire in hl_intern, which does nothing without an index.
    __atomic_store_n(&table.index, index, __ATOMIC_RELEASE);
    return 1;
}

void hl_intern_forget(void) {
    // Relaxed: a capture under way may still use an id of the epoch that ends; none that starts later does.
    __atomic_store_n(&table.first_id, (uint32_t)__atomic_load_n(table.made, __ATOMIC_RELAXED),
                     __ATOMIC_RELAXED);
}

// A node's place for (parent, pc), or 0 when the table is full.
HL_UNWIND_SLOW static uint32_t add_node(uint32_t parent, uint64_t pc, uint32_t flags, bool is_cut) {
    uint64_t room = table.capacity;
    if (!is_cut) {
        room -= FULL_RESERVE(room);
    }
    uint64_t id = __atomic_load_n(table.made, __ATOMIC_RELAXED);
    do {
        if (id >= room) {
            return 0;
        }
        if (id >= __atomic_load_n(&table.grown, __ATOMIC_RELAXED)) {
            uint64_t wanted = (id / NODES_PER_GROWTH + 1) * NODES_PER_GROWTH;
            wanted = wanted < table.capacity ? wanted : table.capacity;
            if (!table.grow((size_t)wanted * sizeof(struct hl_node))) {
                return 0;
            }
            __atomic_store_n(&table.grown, (uint32_t)wanted, __ATOMIC_RELAXED);
        }
    } while (!__atomic_compare_exchange_n(table.made, &id, id + 1, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    struct hl_node *node = &table.nodes[id];
    node->pc = pc;
    node->parent = parent;
    // Release: pairs with the reader's acquire of flags, which then sees pc and parent.
    __atomic_store_n(&node->flags, flags | HL_NODE_VALID, __ATOMIC_RELEASE);
    return (uint32_t)id;
}

uint32_t hl_intern(uint32_t parent, uint64_t pc, uint32_t flags) {
    uint64_t *index = __atomic_load_n(&table.index, __ATOMIC_ACQUIRE);
    if (HL_UNWIND_UNLIKELY(index == NULL)) {
        return HL_ROOT_NONE;
    }
    uint32_t first_id = __atomic_load_n(&table.first_id, __ATOMIC_RELAXED);
    uint64_t hash = (pc + flags) * UINT64_C(0x9e3779b97f4a7c15) ^
                    (uint64_t)parent * UINT64_C(0xd6e8feb86659fd93);
    hash ^= hash >> 29;
    uint64_t tag = hash & ~UINT64_C(0xffffffff);
    uint32_t made = 0;
    for (uint64_t probe = 0; probe < PROBE_LIMIT; probe++) {
        uint64_t *place = &index[(hash + probe) & table.mask];
        uint64_t entry = __atomic_load_n(place, __ATOMIC_ACQUIRE);
        if (HL_UNWIND_UNLIKELY(entry == 0)) {
            if (made == 0) {
                made = add_node(parent, pc, flags, parent == HL_ROOT_TABLE_FULL);
                if (made == 0) {
                    return HL_ROOT_TABLE_FULL;
                }
            }
            if (__atomic_compare_exchange_n(place, &entry, tag | made, false, __ATOMIC_ACQ_REL,
                                            __ATOMIC_ACQUIRE)) {
                return made;
            }
        }
        uint32_t id = (uint32_t)entry;
        const struct hl_node *node = &table.nodes[id];
        if (HL_UNWIND_LIKELY((entry ^ tag) >> 32 == 0 && node->pc == pc &&
                             node->parent == parent && id >= first_id &&
                             (node->flags & ~HL_NODE_VALID) == flags)) {
            return id;
        }
    }
    return made != 0 ? made : HL_ROOT_TABLE_FULL;
}
