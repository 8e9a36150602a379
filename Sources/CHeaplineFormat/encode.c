// SPDX-License-Identifier: Apache-2.0
//
// Records and nodes to bytes. The columns and the predictions behind them are explained in event_model.h.

#include "event_model.h"

static inline uint8_t *put(uint8_t *out, uint64_t value) {
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

// Widest varint of each column: tags 1, threads 5, times 9, sites 5, sizes 10, addresses 10, references 3.
static const uint8_t widest[HL_COLUMNS] = {1, 5, 10, 10, 10, 10, 10};

size_t hl_events_bound(uint32_t count) {
    size_t bytes = HL_COLUMNS * sizeof(uint32_t);
    for (int i = 0; i < HL_COLUMNS; i++) bytes += (size_t)widest[i] * count;
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

size_t hl_events_encode(const struct hl_record *records, uint32_t count, uint8_t *out, void *scratch) {
    struct hl_event_model *model = scratch;
    hl_model_begin(model);
    if (count > HL_EVENTS_MAX) return 0;

    // Columns are written side by side at their widest places, then moved together.
    uint8_t *start[HL_COLUMNS], *at[HL_COLUMNS];
    uint8_t *place = out + HL_COLUMNS * sizeof(uint32_t);
    for (int i = 0; i < HL_COLUMNS; i++) {
        start[i] = at[i] = place;
        place += (size_t)widest[i] * count;
    }
    uint8_t *times = at[HL_TIMES];
    if (count) model->ticks = hl_record_ticks(&records[0]);
    for (uint32_t i = 0; i < count; i++) {
        const struct hl_record *record = &records[i];
        uint32_t kind = (uint32_t)(record->time_kind & 0xf), tag = kind;
        uint64_t ticks = record->time_kind >> 8;
        times = put(times, hl_zigzag(ticks - model->ticks));
        model->ticks = ticks;
        if (record->thread != model->thread) {
            tag |= HL_TAG_THREAD;
            at[HL_THREADS] = put(at[HL_THREADS], model->thread = record->thread);
        }
        uint32_t block = 0;
        if (hl_kind_has_site(kind)) {
            struct hl_site *site = hl_model_site(model);
            if (site->stack != record->stack || site->size != record->size) {
                tag |= HL_TAG_SITE_MISS;
                at[HL_SITES] = put(at[HL_SITES], hl_zigzag((uint64_t)record->stack - model->last_stack));
                at[HL_SIZES] = put(at[HL_SIZES], record->size);
            }
            hl_model_saw_site(model, site, record->stack, record->size);
            uint32_t class = hl_size_class(record->size);
            int mode = record->address == hl_model_freed(model, class)                 ? HL_AT_FREED
                       : record->address == model->last_address + model->last_bytes ? HL_AT_BUMP
                                                                                     : HL_AT_DELTA;
            if (mode == HL_AT_FREED && !record->address) mode = HL_AT_DELTA;
            if (mode == HL_AT_DELTA)
                at[HL_ADDRESSES] = put(at[HL_ADDRESSES], hl_zigzag(record->address - model->last_address));
            tag |= (uint32_t)mode << HL_ADDRESS_SHIFT;
            hl_model_allocated(model, record->address, record->size, class, mode);
            index_put(model, record->address, model->made - 1);
        } else if (hl_kind_frees(kind) && record->stack == 0 && record->size == 0 && model->made &&
                   index_find(model, record->address, &block)) {
            int mode = block == model->made - 1           ? HL_OF_NEWEST
                       : block == model->last_free + 1 ? HL_OF_NEXT
                                                          : HL_OF_REFERENCE;
            if (mode == HL_OF_REFERENCE)
                at[HL_REFERENCES] = put(at[HL_REFERENCES], model->made - 1 - block);
            tag |= (uint32_t)mode << HL_ADDRESS_SHIFT;
            hl_model_freed_block(model, block);
        } else {
            // Everything else spells out address, size and stack; frees of unknown blocks only say so when needed.
            tag |= (uint32_t)HL_OF_ADDRESS << HL_ADDRESS_SHIFT;
            at[HL_ADDRESSES] = put(at[HL_ADDRESSES], hl_zigzag(record->address - model->last_address));
            if (!hl_kind_frees(kind) || record->stack || record->size) {
                tag |= HL_TAG_SITE_MISS;
                at[HL_SITES] = put(at[HL_SITES], hl_zigzag((uint64_t)record->stack - model->last_stack));
                at[HL_SIZES] = put(at[HL_SIZES], record->size);
            }
        }
        *at[HL_TAGS]++ = (uint8_t)tag;
    }
    at[HL_TIMES] = times;

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
