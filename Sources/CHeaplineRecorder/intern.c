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
// Growth. The index begins small (one for the worst case would spread a few thousand entries over as many pages, each of which
// costs the program a page fault). Whoever fills half of it makes a larger one, then goes over the old one's entries: an
// empty one becomes ENTRY_MOVED, which nobody can fill any more, a full one is copied and stays. All threads that look for
// one key stop at the same entry of the old index: at the key, at an empty entry that only one of them can fill, or at
// ENTRY_MOVED or the last entry they may look at, which sends all of them to the larger index. So a key has one entry in
// use at any time, and nobody waits.
//
// Groups. A walk turns up to HL_GROUP_FRAMES new frames at once into an id: one cache line holds (parent, pcs) → id, and is found by
// a hash of all the pcs outward, not of the parent's id, so that the lines of a deep stack are fetched at the same time
// instead of one after the other. Groups are a cache in front of the nodes: a line may be overwritten, and when half
// of them are taken a larger cache is put in place of this one, which then fills again. (One sized for the worst case
// would spread a few thousand lines over as many pages, and address translation would cost more than the lines.) From 2 MiB on
// the tables have large pages, where the kernel has some: a compiler's stacks meet the tables' lines in no order at all.
#include "stack.h"
#include "unwinder.h"
#include "platform.h"

#define NODES_PER_GROWTH 4096u // 64 KiB
#define PROBE_LIMIT 64u
// Id 0, which no entry has.
#define ENTRY_GONE (~UINT64_C(0) << 32)          // a node that is not given out again
#define ENTRY_MOVED (~UINT64_C(1) << 32)         // was empty when the index was left for the next one
#define FIRST_ENTRIES 4096u                      // 32 KiB
#define GROWTH 4u
#define POPULATE_MOST ((size_t)1 << 20)          // memory that will be used all over is had in one piece up to this size
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
    _Alignas(64) struct group lines[]; // in sets of GROUP_PROBES
};

struct index {
    _Alignas(64) uint64_t mask; // entries - 1
    uint64_t used;              // entries filled; relaxed, only to know when to grow
    struct index *next;         // the one that takes its place, once there is one
    uint32_t moved;             // all entries are in `next`
    _Alignas(64) uint64_t entries[]; // (tag << 32) | id; 0: empty
};

static struct {
    struct group_cache *groups;
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

static size_t lines_bytes(uint64_t lines) {
    return lines * sizeof(struct group);
}

static struct group_cache *group_cache_make(uint64_t lines) {
    struct group_cache *cache = scattered_memory(sizeof *cache, lines_bytes(lines));
    if (cache != NULL) {
        cache->mask = lines - 1;
    }
    return cache;
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
    struct group_cache *groups = table.groups;
    hl_stack_cache_start();
    if (index != NULL && groups != NULL) { // of an earlier recording, perhaps left half moved by a process we were forked from
        uint64_t entries = index->mask + 1;
        uint64_t lines = groups->mask + 1;
        hl_platform_wipe(index->entries, entries_bytes(entries));
        hl_platform_wipe(groups->lines, lines_bytes(lines));
        index->used = 0;
        index->next = NULL;
        index->moved = 0;
        groups->taken = 0;
    } else {
        index = index_make(FIRST_ENTRIES);
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
    return hash_node(node->parent, node->pc, node->flags & ~HL_NODE_VALID);
}

// The `probe`th place of a key. The first is its parent's own: nodes made at once have ids one after the other, and so lie side by
// side in the index as well. Where another child has it, the hash tells where to go on, in strides of its own: ids fill one
// end of the index without a gap, and a walk from place to place would not leave it.
static inline uint64_t *place_of(struct index *index, uint32_t parent, uint64_t hash, uint64_t probe) {
    return &index->entries[(probe == 0 ? parent : hash + probe * (hash >> 32 | 1)) & index->mask];
}

HL_UNWIND_SLOW static void index_grow(struct index *index);

// Copies an entry of an index that is being left into the next; returns where it lies now, NULL when it got no place.
static uint64_t *carry(struct index *index, uint64_t entry) {
    uint64_t hash = hash_of(&table.nodes[(uint32_t)entry]);
    uint32_t parent = table.nodes[(uint32_t)entry].parent;
    uint64_t probe = 0;
    while (index != NULL) {
        uint64_t *place = place_of(index, parent, hash, probe);
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
        uint64_t *place = place_of(index, parent, hash, probe);
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
                                 (node->flags & ~HL_NODE_VALID) == flags)) {
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

uint32_t hl_intern(uint32_t parent, uint64_t pc, uint32_t flags) {
    return intern(parent, pc, flags, hash_node(parent, pc, flags), 0);
}

// The id of (parent, pc), or 0 when there is none.
static inline uint32_t known(uint32_t parent, uint64_t pc, uint32_t flags) {
    struct index *index = __atomic_load_n(&table.index, __ATOMIC_ACQUIRE);
    uint64_t hash = hash_node(parent, pc, flags);
    uint64_t probe = 0;
    while (index != NULL) {
        uint64_t entry = __atomic_load_n(place_of(index, parent, hash, probe), __ATOMIC_ACQUIRE); // as above
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
            (node->flags & ~HL_NODE_VALID) == flags) {
            return (uint32_t)entry;
        }
        probe++;
    }
    return 0;
}

static inline uint32_t flags_of(uint64_t pc) {
    return pc & HL_PC_EXACT ? HL_NODE_EXACT : 0;
}

// The id of `count` frames inside of `parent`. Inside of a node that is new all are new: those get ids one after the other, and
// since their places in the index are known by then, the cache lines of all of them are fetched at the same time. They
// are put into the index from the inside out, the first one last, so nobody can meet one of them before all are there. When
// somebody else has made that first one meanwhile, the others hang on a node that nobody refers to, and are made again.
static uint32_t intern_frames(uint32_t parent, const uint64_t *pcs, uint32_t count) {
    uint32_t at = 0;
    for (; at < count; at++) {
        uint32_t id = known(parent, pcs[at] & ~HL_PC_EXACT, flags_of(pcs[at]));
        if (id == 0) {
            break;
        }
        parent = id;
    }
    struct index *index = __atomic_load_n(&table.index, __ATOMIC_ACQUIRE);
    bool several = count - at > 1 && parent != HL_ROOT_TABLE_FULL && index != NULL;
    uint32_t first = several ? reserve_nodes(count - at, false) : 0;
    if (first != 0) {
        uint64_t hashes[HL_GROUP_FRAMES];
        for (uint32_t i = at; i < count; i++) {
            uint32_t outer = i == at ? parent : first + (i - at) - 1;
            hashes[i] = hash_node(outer, pcs[i] & ~HL_PC_EXACT, flags_of(pcs[i]));
            __builtin_prefetch(place_of(index, outer, hashes[i], 0), 1);
            fill_node(first + (i - at), outer, pcs[i] & ~HL_PC_EXACT, flags_of(pcs[i]));
        }
        for (uint32_t i = count - 1; i > at; i--) {
            intern(first + (i - at) - 1, pcs[i] & ~HL_PC_EXACT, flags_of(pcs[i]), hashes[i], first + (i - at));
        }
        uint32_t id = intern(parent, pcs[at] & ~HL_PC_EXACT, flags_of(pcs[at]), hashes[at], first);
        if (HL_UNWIND_LIKELY(id == first)) {
            return first + (count - at) - 1;
        }
        parent = id;
        at++;
    }
    for (; at < count; at++) { // a single one, or what is to be cut, or made again
        parent = hl_intern(parent, pcs[at] & ~HL_PC_EXACT, flags_of(pcs[at]));
    }
    return parent;
}

// A lookup passes over an entry that is gone.
void hl_intern_forget(uintptr_t start, uintptr_t end) {
    struct index *oldest = __atomic_load_n(&table.index, __ATOMIC_ACQUIRE);
    if (oldest == NULL) {
        return;
    }
    uint64_t made = __atomic_load_n(table.made, __ATOMIC_RELAXED);
    for (uint64_t id = HL_ROOT_COUNT; id < made && id < table.capacity; id++) {
        const struct hl_node *node = &table.nodes[id];
        uint32_t flags = __atomic_load_n(&node->flags, __ATOMIC_ACQUIRE);
        if (flags == 0 || node->pc < start || node->pc >= end) {
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
                if (__atomic_compare_exchange_n(place_of(index, node->parent, hash, probe), &entry,
                                                ENTRY_GONE, false, __ATOMIC_SEQ_CST,
                                                __ATOMIC_SEQ_CST) ||
                    entry == 0 || entry == ENTRY_MOVED) {
                    break;
                }
            }
        }
    }
}

// MARK: Groups

// The `probe`th line in which a group may lie: one set, from a place of its own on.
static inline struct group *group_line(struct group_cache *cache, uint64_t hash, uint32_t probe) {
    return &cache->lines[(hash & cache->mask & ~(uint64_t)(GROUP_PROBES - 1)) | ((hash + probe) % GROUP_PROBES)];
}

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

// Puts a larger cache, and empty, in place of `cache`. The old one stays mapped, a thread may still be in it.
static void group_cache_grow(struct group_cache *cache) {
    uint64_t lines = (cache->mask + 1) * GROWTH;
    if (lines > table.capacity / 4) {
        return;
    }
    struct group_cache *larger = group_cache_make(lines);
    // Release: whoever sees the new cache sees its mask.
    if (larger != NULL && !__atomic_compare_exchange_n(&table.groups, &cache, larger, false,
                                                       __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
        hl_platform_unmap_table(larger, sizeof *larger, lines_bytes(lines));
    }
}

HL_UNWIND_SLOW static uint32_t group_add(struct group_cache *cache, uint64_t hash, uint64_t key,
                                         uint32_t parent, const uint64_t pcs[HL_GROUP_FRAMES]) {
    uint32_t id = intern_frames(parent, pcs, (uint8_t)key);
    if (id < HL_ROOT_COUNT) {
        return id;
    }
    uint32_t place = (uint32_t)(hash >> 60) % GROUP_PROBES;
    for (uint32_t i = 0; i < GROUP_PROBES; i++) {
        uint64_t meta = __atomic_load_n(&group_line(cache, hash, i)->meta, __ATOMIC_RELAXED);
        if ((meta & 0xff) == 0 || (meta >> 32 != key >> 32 && (meta & 0xff) != GROUP_BUSY)) {
            place = i;
            break;
        }
    }
    group_write(group_line(cache, hash, place), key, parent, pcs, id);
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
        __builtin_prefetch(group_line(cache, hash, 0));
    }
}

uint32_t hl_intern_group(uint32_t parent, const uint64_t pcs[HL_GROUP_FRAMES], uint32_t count,
                         uint32_t epoch, uint64_t hash) {
    struct group_cache *cache = __atomic_load_n(&table.groups, __ATOMIC_ACQUIRE); // as above
    if (HL_UNWIND_UNLIKELY(cache == NULL)) {
        return HL_ROOT_NONE;
    }
    uint64_t key = (uint64_t)epoch << 32 | count;
    uint32_t id;
    for (uint32_t i = 0; i < GROUP_PROBES; i++) {
        if (HL_UNWIND_LIKELY(group_holds(group_line(cache, hash, i), key, parent, pcs, &id))) {
            return id;
        }
    }
    return group_add(cache, hash, key, parent, pcs);
}
