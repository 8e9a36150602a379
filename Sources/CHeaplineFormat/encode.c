// SPDX-License-Identifier: Apache-2.0
//
// Records and nodes to bytes. The columns and the predictions behind them are explained in event_model.h.

#include "event_model.h"

// A varint, least significant seven bits first. Without branches that depend on its length, which nobody can predict: the seven-bit
// groups are moved apart into bytes, and eight bytes are always written (so eight must follow wherever one is put).
static inline uint8_t *put(uint8_t *out, uint64_t value) {
    while (__builtin_expect(value >> 56 != 0, 0)) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    uint32_t bits = 64 - (uint32_t)__builtin_clzll(value | 1), length = (bits * 9 + 64) / 64;
    uint64_t x = (value & 0x000000000fffffff) | (value & 0x00fffffff0000000) << 4;
    x = (x & 0x00003fff00003fff) | (x & 0x0fffc0000fffc000) << 2;
    x = (x & 0x007f007f007f007f) | (x & 0x3f803f803f803f80) << 1;
    x |= 0x8080808080808080 & (((uint64_t)1 << (8 * (length - 1))) - 1);
    memcpy(out, &x, sizeof x);
    return out + length;
}
HL_STATIC_ASSERT(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "eight bytes are written as one word");
#define SLACK 8u // what put() writes beyond a value

// Widest varint of each column: tags 1, threads 5, times 9, sites 5, sizes 10, addresses 10, references 3.
static const uint8_t widest[HL_COLUMNS] = {1, 5, 10, 10, 10, 10, 10};

size_t hl_events_bound(uint32_t count) {
    size_t bytes = HL_COLUMNS * sizeof(uint32_t);
    for (int i = 0; i < HL_COLUMNS; i++) bytes += (size_t)widest[i] * count + SLACK;
    return bytes;
}

static inline uint32_t index_slot(uint64_t address) {
    return (uint32_t)((address * 0x9e3779b97f4a7c15u) >> 48);
}
#define PROBES 8u

// The index keeps the low 16 bits of the epoch above the allocation's number (below HL_EVENTS_MAX, 16 bits).
static inline void index_put(struct hl_event_model *model, uint64_t address, uint32_t block) {
    uint32_t slot = index_slot(address), stamp = model->epoch << 16;
    for (uint32_t i = 0; i < PROBES; i++) {
        uint32_t *entry = &model->index[(slot + i) % HL_INDEX_SLOTS];
        if ((*entry & 0xffff0000u) != stamp || model->address[*entry & 0xffff] == address) {
            *entry = stamp | block;
            return;
        }
    }
    model->index[slot] = stamp | block; // crowded: forgetting an older block only costs bytes
}

static inline int index_find(struct hl_event_model *model, uint64_t address, uint32_t *block) {
    uint32_t slot = index_slot(address), stamp = model->epoch << 16;
    for (uint32_t i = 0; i < PROBES; i++) {
        uint32_t entry = model->index[(slot + i) % HL_INDEX_SLOTS];
        if ((entry & 0xffff0000u) != stamp) return 0;
        if (model->address[entry & 0xffff] == address) {
            *block = entry & 0xffff;
            return 1;
        }
    }
    return 0;
}

// The block of this chunk that lies at `address` and how a free of it is said, or 0. Most frees are of the newest block or of
// the one after the last: those need no look into the index.
static inline int find_block(struct hl_event_model *model, uint64_t address, uint32_t *block, int *mode) {
    uint32_t made = model->made, next = model->last_free + 1;
    if (!made) return 0;
    if (model->address[made - 1] == address) {
        *block = made - 1;
        *mode = HL_OF_NEWEST;
    } else if (next < made && model->address[next] == address) {
        *block = next;
        *mode = HL_OF_NEXT;
    } else {
        *mode = HL_OF_REFERENCE;
        return index_find(model, address, block);
    }
    return 1;
}

size_t hl_events_encode(const struct hl_record *records, uint32_t count, uint8_t *out, void *scratch) {
    struct hl_event_model *model = scratch;
    hl_model_begin(model);
    if (count > HL_EVENTS_MAX) return 0;

    // Columns are written side by side at their widest places, then moved together.
    uint8_t *start[HL_COLUMNS];
    uint8_t *place = out + HL_COLUMNS * sizeof(uint32_t);
    for (int i = 0; i < HL_COLUMNS; i++) {
        start[i] = place;
        place += (size_t)widest[i] * count + SLACK;
    }
    // One variable each, so that they stay in registers.
    uint8_t *tags = start[HL_TAGS], *threads = start[HL_THREADS], *times = start[HL_TIMES], *sites = start[HL_SITES];
    uint8_t *sizes = start[HL_SIZES], *addresses = start[HL_ADDRESSES], *references = start[HL_REFERENCES];
    uint64_t before = count ? hl_record_ticks(&records[0]) : 0;
    uint32_t thread = model->thread;
    for (uint32_t i = 0; i < count; i++) {
        const struct hl_record *record = &records[i];
        uint32_t kind = (uint32_t)(record->time_kind & 0xf), tag = kind;
        uint64_t ticks = record->time_kind >> 8, address = record->address, size = record->size;
        times = put(times, hl_zigzag(ticks - before));
        before = ticks;
        if (record->thread != thread) {
            tag |= HL_TAG_THREAD;
            threads = put(threads, thread = record->thread);
        }
        uint32_t block;
        int mode;
        if (hl_kind_has_site(kind)) {
            struct hl_site *site = hl_model_site(model);
            if (site->stack != record->stack || site->size != size) {
                tag |= HL_TAG_SITE_MISS;
                sites = put(sites, hl_zigzag((uint64_t)record->stack - model->last_stack));
                sizes = put(sizes, size);
            }
            hl_model_saw_site(model, site, record->stack, size);
            uint32_t class = hl_size_class(size);
            mode = address == hl_model_freed(model, class)                   ? HL_AT_FREED
                   : address == model->last_address + model->last_bytes ? HL_AT_BUMP
                                                                         : HL_AT_DELTA;
            if (mode == HL_AT_FREED && !address) mode = HL_AT_DELTA;
            if (mode == HL_AT_DELTA) addresses = put(addresses, hl_zigzag(address - model->last_address));
            hl_model_allocated(model, address, size, class, mode);
            index_put(model, address, model->made - 1);
        } else if (hl_kind_frees(kind) && record->stack == 0 && size == 0 && find_block(model, address, &block, &mode)) {
            if (mode == HL_OF_REFERENCE) references = put(references, model->made - 1 - block);
            hl_model_freed_block(model, block);
        } else {
            // Everything else spells out address, size and stack; frees of unknown blocks only say so when needed.
            mode = HL_OF_ADDRESS;
            addresses = put(addresses, hl_zigzag(address - model->last_address));
            if (!hl_kind_frees(kind) || record->stack || size) {
                tag |= HL_TAG_SITE_MISS;
                sites = put(sites, hl_zigzag((uint64_t)record->stack - model->last_stack));
                sizes = put(sizes, size);
            }
        }
        *tags++ = (uint8_t)(tag | (uint32_t)mode << HL_ADDRESS_SHIFT);
    }

    uint8_t *const at[HL_COLUMNS] = {
        [HL_TAGS] = tags,   [HL_THREADS] = threads,     [HL_TIMES] = times,          [HL_SITES] = sites,
        [HL_SIZES] = sizes, [HL_ADDRESSES] = addresses, [HL_REFERENCES] = references,
    };
    uint8_t *end = out + HL_COLUMNS * sizeof(uint32_t);
    for (int i = 0; i < HL_COLUMNS; i++) {
        uint32_t bytes = (uint32_t)(at[i] - start[i]);
        memcpy(out + (size_t)i * sizeof bytes, &bytes, sizeof bytes);
        memmove(end, start[i], bytes);
        end += bytes;
    }
    return (size_t)(end - out);
}

size_t hl_nodes_encode(const struct hl_node *nodes, uint32_t count, uint64_t first, uint8_t *out) {
    uint8_t *at = out;
    uint64_t pc = 0;
    for (uint32_t i = 0; i < count; i++) {
        // A node's parent is nearly always the node before: callers are interned first.
        at = put(at, (first + i - nodes[i].parent) << 1 | ((nodes[i].flags & HL_NODE_EXACT) != 0));
        at = put(at, hl_zigzag(nodes[i].pc - pc));
        pc = nodes[i].pc;
    }
    return (size_t)(at - out);
}
