// SPDX-License-Identifier: Apache-2.0
//
// From (parent, pc) to a node id: one table of nodes in the process file for the reader, one hash index in private memory
// for us. Read heapline_format.h's "Stacks" before.
//
// Protocol. A writer of a new node reserves the next id in `nodes_made`, fills the node, stores its flags with release (the
// node exists for the reader), then puts (tag, id) into an empty index entry by compare-exchange with release (the node
// exists for other threads, whose acquire load of the entry lets them see it filled). No node is ever moved, so a thread
// killed or interrupted in between leaves at worst a node that nobody refers to. Two threads that make the same node
// at once: the loser of the compare-exchange looks again, finds the winner's entry, and uses it.
//
// Runs. What is new in a stack is new from one frame inward, so these nodes get ids one after the other, all at once, and each of
// them but the first is marked HL_NODE_FOLLOWS: the node before it is its parent. Only the first has an entry in the index. It is
// put there when all are filled, so whoever meets a node of a run, by the entry or by the node before, finds the next one filled as
// well. A child of P is hence looked for in two places: P + 1, where it lies beside P, if that one follows; else the index. No child can come
// to be in both: one that follows P is there before anybody knows P. When somebody else made the first one meanwhile, the rest of the run
// hangs on a node that nobody refers to, and is made again.
//
// Growth. The index begins small (one for the worst case would spread a few thousand entries over as many pages, each of which
// costs the program a page fault). Whoever fills half of it makes a larger one, then goes over the old one's entries: an
// empty one becomes ENTRY_MOVED, which nobody can fill any more, a full one is copied and stays. All threads that look for
// one key stop at the same entry of the old index: at the key, at an empty entry that only one of them can fill, or at
// ENTRY_MOVED or the last entry they may look at, which sends all of them to the larger index. So a key has one entry in
// use at any time, and nobody waits.
#include "stack.h"
#include "unwinder.h"
#include "platform.h"

#define NODES_PER_GROWTH 4096u // 64 KiB
#define PROBE_LIMIT 64u
// Id 0, which no entry has.
#define ENTRY_GONE (~UINT64_C(0) << 32)          // a node that is not given out again
#define ENTRY_MOVED (~UINT64_C(1) << 32)         // was empty when the index was left for the next one
#define FIRST_ENTRIES 4096u                      // 32 KiB
#define GROWTH 2u
#define POPULATE_MOST ((size_t)1 << 20)          // memory that will be used all over is had in one piece up to this size
// The last part of the table is kept for stacks that begin at HL_ROOT_TABLE_FULL: a full table shortens stacks, not to nothing.
#define FULL_RESERVE(capacity) ((capacity) / 16)

struct index {
    _Alignas(64) uint64_t mask; // entries - 1
    uint64_t used;              // entries filled; relaxed, only to know when to grow
    struct index *next;         // the one that takes its place, once there is one
    uint32_t moved;             // all entries are in `next`
    _Alignas(64) uint64_t entries[]; // (tag << 32) | id; 0: empty
};

static struct {
    struct hl_node *nodes;
    uint64_t *made;      // next id
    struct index *index; // the oldest that is still in use
    uint32_t capacity;
    uint32_t grown;     // nodes that have storage
    int (*grow)(size_t bytes);
} table;

// Memory that is about to be used in no order: one call to the kernel instead of a fault for each page.
static void *scattered_memory(size_t lead, size_t bytes) {
    char *memory = hl_platform_map_table(lead, bytes);
    if (memory != NULL && bytes <= POPULATE_MOST) {
        hl_platform_touch(memory + lead, bytes);
    }
    return memory;
}

static size_t entries_bytes(uint64_t entries) {
    return entries * sizeof(uint64_t);
}

static struct index *index_make(uint64_t entries) {
    struct index *index = scattered_memory(sizeof *index, entries_bytes(entries));
    if (index != NULL) {
        index->mask = entries - 1;
    }
    return index;
}

int hl_intern_start(struct hl_node *nodes, uint64_t *nodes_made, uint32_t capacity,
                    int (*grow)(size_t bytes)) {
    struct index *index = table.index;
    hl_stack_cache_start();
    if (index != NULL) { // of an earlier recording, perhaps left half moved by a process we were forked from
        hl_platform_wipe(index->entries, entries_bytes(index->mask + 1));
        index->used = 0;
        index->next = NULL;
        index->moved = 0;
    } else {
        index = index_make(FIRST_ENTRIES);
        if (index == NULL) {
            return 0;
        }
    }
    if (__atomic_load_n(nodes_made, __ATOMIC_RELAXED) < HL_ROOT_COUNT) {
        __atomic_store_n(nodes_made, HL_ROOT_COUNT, __ATOMIC_RELAXED);
    }
    table.nodes = nodes;
    table.made = nodes_made;
    table.capacity = capacity;
    table.grown = 0;
    table.grow = grow;
    // Release: pairs with the acquire in hl_intern, which does nothing without an index.
    __atomic_store_n(&table.index, index, __ATOMIC_RELEASE);
    return 1;
}

// Spreads all bits of `value` over all bits of the result, and back: no two values share one.
static inline uint64_t mix(uint64_t value) {
    value ^= value >> 32;
    value *= UINT64_C(0xd6e8feb86659fd93);
    value ^= value >> 32;
    value *= UINT64_C(0xd6e8feb86659fd93);
    return value ^ value >> 32;
}

static inline uint64_t hash_node(uint32_t parent, uint64_t pc, uint32_t flags) {
    return mix((pc + flags) * UINT64_C(0x9e3779b97f4a7c15) ^ parent);
}

// The first of `count` ids one after the other, or 0 when the table is full.
HL_UNWIND_SLOW static uint32_t reserve_nodes(uint32_t count, bool is_cut) {
    uint64_t room = table.capacity;
    if (!is_cut) {
        room -= FULL_RESERVE(room);
    }
    uint64_t id = __atomic_load_n(table.made, __ATOMIC_RELAXED);
    do {
        if (id + count > room) {
            return 0;
        }
        if (id + count > __atomic_load_n(&table.grown, __ATOMIC_RELAXED)) {
            uint64_t wanted = ((id + count) / NODES_PER_GROWTH + 1) * NODES_PER_GROWTH;
            wanted = wanted < table.capacity ? wanted : table.capacity;
            if (!table.grow((size_t)wanted * sizeof(struct hl_node))) {
                return 0;
            }
            __atomic_store_n(&table.grown, (uint32_t)wanted, __ATOMIC_RELAXED);
        }
    } while (!__atomic_compare_exchange_n(table.made, &id, id + count, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return (uint32_t)id;
}

static void fill_node(uint32_t id, uint32_t parent, uint64_t pc, uint32_t flags) {
    struct hl_node *node = &table.nodes[id];
    node->pc = pc;
    node->parent = parent;
    // Release: pairs with the reader's acquire of flags, which then sees pc and parent.
    __atomic_store_n(&node->flags, flags | HL_NODE_VALID, __ATOMIC_RELEASE);
}

// A node's place for (parent, pc), or 0 when the table is full.
static uint32_t add_node(uint32_t parent, uint64_t pc, uint32_t flags) {
    uint32_t id = reserve_nodes(1, parent == HL_ROOT_TABLE_FULL);
    if (id != 0) {
        fill_node(id, parent, pc, flags);
    }
    return id;
}

static inline uint64_t hash_of(const struct hl_node *node) {
    return hash_node(node->parent, node->pc, node->flags & HL_NODE_EXACT);
}

// The `probe`th place of a key. The tag alone says where, so that an entry can be moved without looking at its node.
static inline uint64_t *place_of(struct index *index, uint64_t hash, uint64_t probe) {
    return &index->entries[((hash >> 32) + probe) & index->mask];
}

HL_UNWIND_SLOW static void index_grow(struct index *index);

// Copies an entry of an index that is being left into the next; returns where it lies now, NULL when it got no place.
static uint64_t *carry(struct index *index, uint64_t entry) {
    uint64_t probe = 0;
    while (index != NULL) {
        uint64_t *place = place_of(index, entry, probe);
        uint64_t there = __atomic_load_n(place, __ATOMIC_ACQUIRE); // as in hl_intern
        if (there == ENTRY_MOVED || probe == PROBE_LIMIT) {
            struct index *next = __atomic_load_n(&index->next, __ATOMIC_ACQUIRE);
            if (next == NULL) { // crowded: as in hl_intern
                index_grow(index);
                next = __atomic_load_n(&index->next, __ATOMIC_ACQUIRE);
            }
            index = next;
            probe = 0;
        } else if (there != 0) {
            probe++;
        } else if (__atomic_compare_exchange_n(place, &there, entry, false, __ATOMIC_SEQ_CST,
                                               __ATOMIC_RELAXED)) {
            __atomic_add_fetch(&index->used, 1, __ATOMIC_RELAXED);
            return place;
        }
    }
    return NULL;
}

// Leaves `index` for a larger one.
HL_UNWIND_SLOW static void index_grow(struct index *index) {
    uint64_t entries = (index->mask + 1) * GROWTH;
    while (entries / 4 >= table.capacity) {
        entries /= 2;
    }
    // Relaxed: only saves making an index in vain.
    if (entries <= index->mask + 1 || __atomic_load_n(&index->next, __ATOMIC_RELAXED) != NULL) {
        return;
    }
    struct index *larger = index_make(entries);
    struct index *none = NULL;
    if (larger == NULL) {
        return;
    }
    // Release: pairs with the acquire of whoever meets ENTRY_MOVED, and then sees the larger one's mask.
    if (!__atomic_compare_exchange_n(&index->next, &none, larger, false, __ATOMIC_RELEASE,
                                     __ATOMIC_RELAXED)) {
        hl_platform_unmap_table(larger, sizeof *larger, entries_bytes(entries));
        return;
    }
    for (uint64_t i = 0; i <= index->mask; i++) {
        // Acquire: pairs with the release that filled it. Release: whoever sees ENTRY_MOVED sees `next`.
        uint64_t entry = __atomic_load_n(&index->entries[i], __ATOMIC_ACQUIRE);
        if (entry == 0 && __atomic_compare_exchange_n(&index->entries[i], &entry, ENTRY_MOVED, false,
                                                      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            continue;
        }
        if (entry == ENTRY_GONE) {
            continue;
        }
        uint64_t *copy = carry(larger, entry);
        // Sequentially consistent, as the exchanges of hl_intern_forget: either it finds our copy, or we find that it was here.
        if (copy != NULL && __atomic_load_n(&index->entries[i], __ATOMIC_SEQ_CST) == ENTRY_GONE) {
            __atomic_store_n(copy, ENTRY_GONE, __ATOMIC_RELAXED);
        }
    }
    // Release: pairs with the acquire below of whoever finds the larger one left as well, before it could be put in place.
    __atomic_store_n(&index->moved, 1, __ATOMIC_RELEASE);
    struct index *oldest = __atomic_load_n(&table.index, __ATOMIC_ACQUIRE);
    while (__atomic_load_n(&oldest->moved, __ATOMIC_ACQUIRE)) {
        struct index *next = __atomic_load_n(&oldest->next, __ATOMIC_ACQUIRE);
        if (__atomic_compare_exchange_n(&table.index, &oldest, next, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            oldest = next;
        }
    }
}

// The id of (parent, pc), which is `made` when that is given, filled, and nobody else was here before.
static inline __attribute__((always_inline)) uint32_t intern(uint32_t parent, uint64_t pc, uint32_t flags,
                                                             uint64_t hash, uint32_t made) {
    struct index *index = __atomic_load_n(&table.index, __ATOMIC_ACQUIRE);
    if (HL_UNWIND_UNLIKELY(index == NULL)) {
        return HL_ROOT_NONE;
    }
    uint64_t tag = hash & ~UINT64_C(0xffffffff);
    uint64_t probe = 0;
    for (;;) {
        uint64_t *place = place_of(index, hash, probe);
        // Acquire: pairs with the release below; the node is filled.
        uint64_t entry = __atomic_load_n(place, __ATOMIC_ACQUIRE);
        if (HL_UNWIND_UNLIKELY(entry == ENTRY_MOVED || probe == PROBE_LIMIT)) {
            struct index *next = __atomic_load_n(&index->next, __ATOMIC_ACQUIRE);
            if (next == NULL) { // crowded: entries never come free, so none of us will find a place here
                index_grow(index);
                next = __atomic_load_n(&index->next, __ATOMIC_ACQUIRE);
            }
            if (next == NULL) {
                break;
            }
            index = next;
            probe = 0;
            continue;
        }
        if (HL_UNWIND_LIKELY(entry != 0)) {
            const struct hl_node *node = &table.nodes[(uint32_t)entry];
            if (HL_UNWIND_LIKELY((entry ^ tag) >> 32 == 0 && entry != ENTRY_GONE && node->pc == pc &&
                                 node->parent == parent &&
                                 (node->flags & HL_NODE_EXACT) == flags)) {
                return (uint32_t)entry;
            }
            probe++;
            continue;
        }
        if (made == 0) {
            made = add_node(parent, pc, flags);
            if (made == 0) {
                return HL_ROOT_TABLE_FULL;
            }
        }
        // Release: whoever finds the entry finds the node filled. On failure somebody else was here: look again.
        if (__atomic_compare_exchange_n(place, &entry, tag | made, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED)) {
            if (__atomic_add_fetch(&index->used, 1, __ATOMIC_RELAXED) > index->mask / 2) {
                index_grow(index);
            }
            return made;
        }
    }
    // No memory for a larger index, or none larger is worth it: the node goes without an entry.
    if (made == 0) {
        made = add_node(parent, pc, flags);
    }
    return made != 0 ? made : HL_ROOT_TABLE_FULL;
}

// The child of `parent` that was made at once with it, if that is (parent, pc), or else 0.
static inline uint32_t following(uint32_t parent, uint64_t pc, uint32_t flags) {
    uint64_t id = (uint64_t)parent + 1;
    // Relaxed: below it there is storage, nothing more. What lies there is told by the flags.
    if (parent < HL_ROOT_COUNT || id >= __atomic_load_n(table.made, __ATOMIC_RELAXED)) {
        return 0;
    }
    const struct hl_node *node = &table.nodes[id];
    // Acquire: pairs with the release in fill_node.
    return __atomic_load_n(&node->flags, __ATOMIC_ACQUIRE) == (flags | HL_NODE_VALID | HL_NODE_FOLLOWS) && node->pc == pc
               ? (uint32_t)id
               : 0;
}

// The id of (parent, pc), or 0 when there is none.
static inline uint32_t known(uint32_t parent, uint64_t pc, uint32_t flags) {
    uint32_t next = following(parent, pc, flags);
    if (HL_UNWIND_LIKELY(next != 0)) {
        return next;
    }
    struct index *index = __atomic_load_n(&table.index, __ATOMIC_ACQUIRE);
    uint64_t hash = hash_node(parent, pc, flags);
    uint64_t probe = 0;
    while (index != NULL) {
        uint64_t entry = __atomic_load_n(place_of(index, hash, probe), __ATOMIC_ACQUIRE); // as above
        if (HL_UNWIND_UNLIKELY(entry == ENTRY_MOVED || probe == PROBE_LIMIT)) {
            index = __atomic_load_n(&index->next, __ATOMIC_ACQUIRE);
            probe = 0;
            continue;
        }
        if (entry == 0) {
            return 0;
        }
        const struct hl_node *node = &table.nodes[(uint32_t)entry];
        if ((entry ^ hash) >> 32 == 0 && entry != ENTRY_GONE && node->pc == pc && node->parent == parent &&
            (node->flags & HL_NODE_EXACT) == flags) {
            return (uint32_t)entry;
        }
        probe++;
    }
    return 0;
}

uint32_t hl_intern(uint32_t parent, uint64_t pc, uint32_t flags) {
    uint32_t next = following(parent, pc, flags);
    return next != 0 ? next : intern(parent, pc, flags, hash_node(parent, pc, flags), 0);
}

static inline uint64_t pc_of(uint64_t pc) {
    return pc & ~HL_PC_EXACT;
}

static inline uint32_t flags_of(uint64_t pc) {
    return pc & HL_PC_EXACT ? HL_NODE_EXACT : 0;
}

uint32_t hl_intern_frames(uint32_t parent, const uint64_t *pcs, uint32_t count, uint32_t *ids) {
    uint32_t at = 0;
    while (at < count) {
        uint32_t id = known(parent, pc_of(pcs[at]), flags_of(pcs[at]));
        uint32_t made = 0, more = 1; // frames that `id` leads to
        if (id == 0) {
            more = count - at;
            made = more > 1 && parent != HL_ROOT_TABLE_FULL ? reserve_nodes(more, false) : 0;
            for (uint32_t i = 0; made != 0 && i < more; i++) {
                fill_node(made + i, i == 0 ? parent : made + i - 1, pc_of(pcs[at + i]),
                          flags_of(pcs[at + i]) | (i == 0 ? 0 : HL_NODE_FOLLOWS));
            }
            id = intern(parent, pc_of(pcs[at]), flags_of(pcs[at]), hash_node(parent, pc_of(pcs[at]), flags_of(pcs[at])),
                        made);
            if (made == 0 || id != made) { // a single one, one to be cut, or somebody else was faster
                more = 1;
            }
        }
        for (uint32_t i = 0; i < more; i++, at++, id++) {
            ids[at] = parent = id;
        }
    }
    return parent;
}

// A lookup passes over an entry that is gone, and over a node that does not follow.
void hl_intern_forget(uintptr_t start, uintptr_t end) {
    struct index *oldest = __atomic_load_n(&table.index, __ATOMIC_ACQUIRE);
    if (oldest == NULL) {
        return;
    }
    uint64_t made = __atomic_load_n(table.made, __ATOMIC_RELAXED);
    for (uint64_t id = HL_ROOT_COUNT; id < made && id < table.capacity; id++) {
        struct hl_node *node = &table.nodes[id];
        uint32_t flags = __atomic_load_n(&node->flags, __ATOMIC_ACQUIRE);
        if (flags == 0 || node->pc < start || node->pc >= end) {
            continue;
        }
        if (flags & HL_NODE_FOLLOWS) {
            // Nobody else writes a filled node, and for the reader it stays the one it was. Release: as in fill_node.
            __atomic_store_n(&node->flags, flags & ~HL_NODE_FOLLOWS, __ATOMIC_RELEASE);
            continue;
        }
        uint64_t hash = hash_of(node);
        uint64_t wanted = (hash & ~UINT64_C(0xffffffff)) | id;
        for (struct index *index = oldest; index != NULL;
             index = __atomic_load_n(&index->next, __ATOMIC_SEQ_CST)) {
            for (uint64_t probe = 0; probe < PROBE_LIMIT; probe++) {
                uint64_t entry = wanted;
                // Whoever still finds the entry is using an id of code that was there when it began.
                // Sequentially consistent: see index_grow.
                if (__atomic_compare_exchange_n(place_of(index, hash, probe), &entry,
                                                ENTRY_GONE, false, __ATOMIC_SEQ_CST,
                                                __ATOMIC_SEQ_CST) ||
                    entry == 0 || entry == ENTRY_MOVED) {
                    break;
                }
            }
        }
    }
}
