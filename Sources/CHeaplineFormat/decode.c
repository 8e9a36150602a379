// SPDX-License-Identifier: Apache-2.0
//
// Bytes back to records and nodes; the mirror of encode.c. Input is hostile until proven otherwise: every read is
// checked against its column's end.

#include "event_model.h"

struct column {
    const uint8_t *at, *end;
    int damaged;
};

static inline uint64_t get(struct column *column) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (column->at == column->end) break;
        uint8_t byte = *column->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return value;
    }
    column->damaged = 1;
    return 0;
}

int hl_events_decode(const uint8_t *bytes, size_t size, uint32_t count, uint64_t first,
                     struct hl_record *out, void *scratch) {
    struct hl_event_model *model = scratch;
    hl_model_begin(model);
    model->ticks = first;
    size_t used = HL_COLUMNS * sizeof(uint32_t);
    if (count > HL_EVENTS_MAX || size < used) return -1;
    struct column columns[HL_COLUMNS];
    for (int i = 0; i < HL_COLUMNS; i++) {
        uint32_t length;
        memcpy(&length, bytes + (size_t)i * sizeof length, sizeof length);
        if (length > size - used) return -1;
        columns[i] = (struct column){bytes + used, bytes + used + length, 0};
        used += length;
    }
    if (used != size || columns[HL_TAGS].end - columns[HL_TAGS].at != (ptrdiff_t)count) return -1;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t tag = *columns[HL_TAGS].at++, kind = tag & 0xf;
        int mode = (int)(tag >> HL_ADDRESS_SHIFT & 3);
        model->ticks += hl_unzigzag(get(&columns[HL_TIMES]));
        if (tag & HL_TAG_THREAD) model->thread = (uint32_t)get(&columns[HL_THREADS]);
        struct hl_record *record = &out[i];
        *record = (struct hl_record){.time_kind = model->ticks << 8 | kind, .thread = model->thread};
        if (hl_kind_has_site(kind)) {
            struct hl_site *site = hl_model_site(model);
            record->stack = site->stack;
            record->size = site->size;
            if (tag & HL_TAG_SITE_MISS) {
                record->stack = (uint32_t)(model->last_stack + hl_unzigzag(get(&columns[HL_SITES])));
                record->size = get(&columns[HL_SIZES]);
            }
            hl_model_saw_site(model, site, record->stack, record->size);
            uint32_t class = hl_size_class(record->size);
            if (mode == HL_AT_FREED) {
                record->address = hl_model_freed(model, class);
                if (!record->address) return -1;
            } else if (mode == HL_AT_BUMP) {
                record->address = model->last_address + model->last_bytes;
            } else {
                record->address = model->last_address + hl_unzigzag(get(&columns[HL_ADDRESSES]));
            }
            hl_model_allocated(model, record->address, record->size, class, mode);
        } else if (mode == HL_OF_ADDRESS) {
            record->address = model->last_address + hl_unzigzag(get(&columns[HL_ADDRESSES]));
            if (tag & HL_TAG_SITE_MISS) {
                record->stack = (uint32_t)(model->last_stack + hl_unzigzag(get(&columns[HL_SITES])));
                record->size = get(&columns[HL_SIZES]);
            }
        } else {
            uint32_t block = mode == HL_OF_NEWEST ? model->made - 1
                             : mode == HL_OF_NEXT ? model->last_free + 1
                                                  : model->made - 1 - (uint32_t)get(&columns[HL_REFERENCES]);
            if (block >= model->made) return -1;
            record->address = model->address[block];
            hl_model_freed_block(model, block);
        }
    }
    for (int i = 0; i < HL_COLUMNS; i++)
        if (columns[i].damaged || columns[i].at != columns[i].end) return -1;
    return 0;
}

int hl_nodes_decode(const uint8_t *bytes, size_t size, uint32_t count, uint64_t first, struct hl_node *out) {
    struct column column = {bytes, bytes + size, 0};
    uint64_t pc = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t up = get(&column), distance = up >> 1;
        pc += hl_unzigzag(get(&column));
        if (distance == 0 || distance > first + i) return -1;
        uint64_t parent = first + i - distance;
        out[i] = (struct hl_node){
            .pc = pc,
            .parent = (uint32_t)parent,
            .flags = HL_NODE_VALID | (up & 1 ? HL_NODE_EXACT : 0),
        };
    }
    return column.damaged || column.at != column.end ? -1 : 0;
}
