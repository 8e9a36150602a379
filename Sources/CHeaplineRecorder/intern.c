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
// Groups. A walk turns up to HL_GROUP_FRAMES new frames at once into an id: one cache line holds (parent, pcs) → id, and is found by
// a hash of all the pcs outward, not of the parent's id, so that the lines of a deep stack are fetched at the same time
// instead of one after the other. Groups are a cache in front of the nodes: a line may be overwritten, and when half
// of them are taken a larger cache is put in place of this one, which then fills again. (One sized for the worst case
// would spread a few thousand lines over as many pages, and address translation would cost more than the lines.)
#include "stack.h"
#include "unwinder.h"
#include "platform.h"

#define NODES_PER_GROWTH 4096u // 64 KiB
#define PROBE_LIMIT 64u
#define ENTRY_GONE (~UINT64_C(0) << 32) // id 0, which no entry has
// The last part of the table is kept for stacks that begin at HL_ROOT_TABLE_FULL: a full table shortens stacks, not to nothing.
#define FULL_RESERVE(capacity) ((capacity) / 16)

// A line's content is right if `meta` is the same, and not busy, before and after it was read.
struct group {
    uint64_t meta; // (epoch << 32) | (writes << 8) | frames; frames 0: empty, GROUP_BUSY: being written
    uint32_t parent;
    uint32_t id;
    uint64_t pcs[HL_GROUP_FRAMES]; // outermost first, HL_PC_EXACT as flag, 0 beyond `frames`
};
_Static_assert(sizeof(struct group) == 64, "one cache line");
#define GROUP_BUSY 0xffu
#define GROUP_META_KEY UINT64_C(0xffffffff000000ff)
#define GROUP_PROBES 4u
#define FIRST_LINES 1024u // 64 KiB

struct group_cache {
    _Alignas(64) uint64_t mask; // lines - 1
    uint64_t taken;             // lines filled; relaxed, only to know when to grow
    struct group lines[];       // mask + GROUP_PROBES, so that probing needs no wrap
};

static struct {
    struct group_cache *groups;
    struct hl_node *nodes;
    uint64_t *made;     // next id
    uint64_t *index;    // entries of (tag << 32) | id; 0: empty
    uint64_t mask;      // entries - 1
    uint32_t capacity;
    uint32_t grown;     // nodes that have storage
    int (*grow)(size_t bytes);
} table;

static struct group_cache *group_cache_make(uint64_t lines) {
    struct group_cache *cache = hl_platform_map(
        sizeof *cache + (lines + GROUP_PROBES) * sizeof(struct group));
    if (cache != NULL) {
        cache->mask = lines - 1;
    }
    return cache;
}

int hl_intern_start(struct hl_node *nodes, uint64_t *nodes_made, uint32_t capacity,
                    int (*grow)(size_t bytes)) {
    uint64_t entries = 1024;
    while (entries < (uint64_t)capacity * 2) {
        entries *= 2;
    }
    uint64_t *index = table.index;
    struct group_cache *groups = table.groups;
    if (index != NULL && groups != NULL && table.mask == entries - 1) { // of an earlier recording
        uint64_t lines = groups->mask;
        hl_platform_wipe(index, entries * sizeof *index);
        hl_platform_wipe(groups, sizeof *groups + (lines + 1 + GROUP_PROBES) * sizeof(struct group));
        groups->mask = lines;
    } else {
        index = hl_platform_map(entries * sizeof *index);
        groups = group_cache_make(FIRST_LINES);
        if (index == NULL || groups == NULL) {
            return 0;
        }
    }
    table.groups = groups;
    if (__atomic_load_n(nodes_made, __ATOMIC_RELAXED) < HL_ROOT_COUNT) {
        __atomic_store_n(nodes_made, HL_ROOT_COUNT, __ATOMIC_RELAXED);
    }
    table.nodes = nodes;
    table.made = nodes_made;
    table.mask = entries - 1;
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
    uint64_t hash = hash_node(parent, pc, flags);
    uint64_t tag = hash & ~UINT64_C(0xffffffff);
    uint32_t made = 0;
    for (int tries = 0; tries < 4; tries++) {
        uint64_t *place = NULL; // the first that is free
        uint64_t there = 0;
        for (uint64_t probe = 0; probe < PROBE_LIMIT; probe++) {
            uint64_t *each = &index[(hash + probe) & table.mask];
            // Acquire: pairs with the release below; the node is filled.
            uint64_t entry = __atomic_load_n(each, __ATOMIC_ACQUIRE);
            if (HL_UNWIND_UNLIKELY(entry == 0 || entry == ENTRY_GONE)) {
                if (place == NULL) {
                    place = each;
                    there = entry;
                }
                if (entry == 0) {
                    break;
                }
                continue;
            }
            const struct hl_node *node = &table.nodes[(uint32_t)entry];
            if (HL_UNWIND_LIKELY((entry ^ tag) >> 32 == 0 && node->pc == pc &&
                                 node->parent == parent &&
                                 (node->flags & ~HL_NODE_VALID) == flags)) {
                return (uint32_t)entry;
            }
        }
        if (made == 0) {
            made = add_node(parent, pc, flags, parent == HL_ROOT_TABLE_FULL);
            if (made == 0) {
                return HL_ROOT_TABLE_FULL;
            }
        }
        // Release: whoever finds the entry finds the node filled. On failure somebody else was here: look again.
        if (place == NULL || __atomic_compare_exchange_n(place, &there, tag | made, false,
                                                         __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
            break;
        }
    }
    return made;
}

// A lookup passes over an entry that is gone, and the next new node takes its place.
void hl_intern_forget(uintptr_t start, uintptr_t end) {
    uint64_t *index = __atomic_load_n(&table.index, __ATOMIC_ACQUIRE);
    if (index == NULL) {
        return;
    }
    uint64_t made = __atomic_load_n(table.made, __ATOMIC_RELAXED);
    for (uint64_t id = HL_ROOT_COUNT; id < made && id < table.capacity; id++) {
        const struct hl_node *node = &table.nodes[id];
        uint32_t flags = __atomic_load_n(&node->flags, __ATOMIC_ACQUIRE);
        if (flags == 0 || node->pc < start || node->pc >= end) {
            continue;
        }
        uint64_t hash = hash_node(node->parent, node->pc, flags & ~HL_NODE_VALID);
        uint64_t wanted = (hash & ~UINT64_C(0xffffffff)) | id;
        for (uint64_t probe = 0; probe < PROBE_LIMIT; probe++) {
            uint64_t entry = wanted;
            // Relaxed: whoever still finds the entry is using an id of code that was there when it began.
            if (__atomic_compare_exchange_n(&index[(hash + probe) & table.mask], &entry,
                                            ENTRY_GONE, false, __ATOMIC_RELAXED,
                                            __ATOMIC_RELAXED) ||
                entry == 0) {
                break;
            }
        }
    }
}

// MARK: Groups

static inline bool group_holds(const struct group *group, uint64_t key, uint32_t parent,
                               const uint64_t pcs[HL_GROUP_FRAMES], uint32_t *id) {
    // Acquire: pairs with the release in group_write; the content is at least as new as the meta.
    uint64_t meta = __atomic_load_n(&group->meta, __ATOMIC_ACQUIRE);
    uint64_t difference = (meta & GROUP_META_KEY) ^ key;
    difference |= __atomic_load_n(&group->parent, __ATOMIC_RELAXED) ^ parent;
    for (uint32_t i = 0; i < HL_GROUP_FRAMES; i++) {
        difference |= __atomic_load_n(&group->pcs[i], __ATOMIC_RELAXED) ^ pcs[i];
    }
    *id = __atomic_load_n(&group->id, __ATOMIC_RELAXED);
    // The content was read before the meta is looked at again; a writer makes it busy before it touches the content.
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return (difference | (__atomic_load_n(&group->meta, __ATOMIC_RELAXED) ^ meta)) == 0;
}

static void group_write(struct group *group, uint64_t key, uint32_t parent,
                        const uint64_t pcs[HL_GROUP_FRAMES], uint32_t id) {
    uint64_t meta = __atomic_load_n(&group->meta, __ATOMIC_RELAXED);
    uint64_t busy = (meta & ~UINT64_C(0xff)) | GROUP_BUSY;
    if (meta == busy || !__atomic_compare_exchange_n(&group->meta, &meta, busy, false,
                                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return; // another thread writes it: not worth waiting
    }
    // Release fence: nobody sees the new content with the old meta.
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&group->parent, parent, __ATOMIC_RELAXED);
    __atomic_store_n(&group->id, id, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < HL_GROUP_FRAMES; i++) {
        __atomic_store_n(&group->pcs[i], pcs[i], __ATOMIC_RELAXED);
    }
    __atomic_store_n(&group->meta, key | ((meta + 0x100) & 0xffffff00), __ATOMIC_RELEASE);
}

// Puts a cache twice as large, and empty, in place of `cache`. The old one stays mapped, a thread may still be in it.
static void group_cache_grow(struct group_cache *cache) {
    uint64_t lines = (cache->mask + 1) * 2;
    if (lines > table.capacity / 4) {
        return;
    }
    struct group_cache *larger = group_cache_make(lines);
    // Release: whoever sees the new cache sees its mask.
    if (larger != NULL && !__atomic_compare_exchange_n(&table.groups, &cache, larger, false,
                                                       __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
        hl_platform_unmap(larger,
                              sizeof *larger + (lines + GROUP_PROBES) * sizeof(struct group));
    }
}

HL_UNWIND_SLOW static uint32_t group_add(struct group_cache *cache, struct group *first,
                                         uint64_t key, uint32_t parent,
                                         const uint64_t pcs[HL_GROUP_FRAMES], uint32_t place) {
    uint32_t id = parent;
    for (uint32_t i = 0; i < (uint8_t)key; i++) {
        id = hl_intern(id, pcs[i] & ~HL_PC_EXACT, pcs[i] & HL_PC_EXACT ? HL_NODE_EXACT : 0);
    }
    if (id < HL_ROOT_COUNT) {
        return id;
    }
    for (uint32_t i = 0; i < GROUP_PROBES; i++) {
        uint64_t meta = __atomic_load_n(&first[i].meta, __ATOMIC_RELAXED);
        if ((meta & 0xff) == 0 || (meta >> 32 != key >> 32 && (meta & 0xff) != GROUP_BUSY)) {
            place = i;
            break;
        }
    }
    group_write(&first[place], key, parent, pcs, id);
    if (__atomic_add_fetch(&cache->taken, 1, __ATOMIC_RELAXED) > cache->mask / 2) {
        group_cache_grow(cache);
    }
    return id;
}

uint64_t hl_intern_group_hash(uint64_t outer, const uint64_t pcs[HL_GROUP_FRAMES]) {
    uint64_t hash = (pcs[0] * UINT64_C(0x9e3779b97f4a7c15)) + (pcs[1] * UINT64_C(0xbf58476d1ce4e5b9)) +
                    (pcs[2] * UINT64_C(0x94d049bb133111eb)) + (pcs[3] * UINT64_C(0xd6e8feb86659fd93)) +
                    (pcs[4] * UINT64_C(0xff51afd7ed558ccd)) + (pcs[5] * UINT64_C(0xc4ceb9fe1a85ec53));
    hash = (outer ^ hash ^ hash >> 32) * UINT64_C(0x9fb21c651e98df25);
    return hash ^ hash >> 32;
}

void hl_intern_group_prefetch(uint64_t hash) {
    // Acquire: pairs with group_cache_grow and hl_intern_start.
    struct group_cache *cache = __atomic_load_n(&table.groups, __ATOMIC_ACQUIRE);
    if (HL_UNWIND_LIKELY(cache != NULL)) {
        __builtin_prefetch(&cache->lines[hash & cache->mask]);
    }
}

uint32_t hl_intern_group(uint32_t parent, const uint64_t pcs[HL_GROUP_FRAMES], uint32_t count,
                         uint32_t epoch, uint64_t hash) {
    struct group_cache *cache = __atomic_load_n(&table.groups, __ATOMIC_ACQUIRE); // as above
    if (HL_UNWIND_UNLIKELY(cache == NULL)) {
        return HL_ROOT_NONE;
    }
    struct group *first = &cache->lines[hash & cache->mask];
    uint64_t key = (uint64_t)epoch << 32 | count;
    uint32_t id;
    for (uint32_t i = 0; i < GROUP_PROBES; i++) {
        if (HL_UNWIND_LIKELY(group_holds(&first[i], key, parent, pcs, &id))) {
            return id;
        }
    }
    return group_add(cache, first, key, parent, pcs, (uint32_t)(hash >> 60) % GROUP_PROBES);
}
