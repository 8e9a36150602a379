// SPDX-License-Identifier: Apache-2.0
//
// What encoder and decoder both believe about the next event. The two run the same predictions over the same past, so
// the encoder only has to say where the program surprised it. Everything is forgotten at a chunk's start: chunks decode
// by themselves.
//
//   column      holds, for each event
//   tags        kind (bits 0-3) | thread changed (bit 4) | address mode (bits 5-6) | site mode (bit 7)
//   threads     varint thread index, when it changed
//   times       varint ticks since the event before in this chunk (the chunk header has the first)
//   sites       zigzag varint difference of stack ids, when the site was not predicted
//   sizes       varint bytes, likewise
//   addresses   an allocation's or unknown free's address, zigzag varint difference, when not predicted
//   references  a free's block, as varint: how many allocations ago in this chunk it was made
//
// Worked example: malloc(24) and free of its result in a loop, from the second turn on, costs two tags and two times:
// 01 xx / 02 xx, since the site follows the one before, the address is the one just freed, and the free is of
// the newest block.
#pragma once

#include "heapline_codec.h"

#include <string.h>

#define HL_COLUMNS 7
enum { HL_TAGS, HL_THREADS, HL_TIMES, HL_SITES, HL_SIZES, HL_ADDRESSES, HL_REFERENCES };

#define HL_TAG_THREAD 0x10u
#define HL_TAG_SITE_MISS 0x80u
#define HL_ADDRESS_SHIFT 5

// Address modes. An allocation: the block of its size class freed last, the one after the last block, or spelled out.
// A free: the newest block, the block made after the one freed last, a reference, or spelled out.
enum { HL_AT_FREED = 0, HL_AT_BUMP = 1, HL_AT_DELTA = 2 };
enum { HL_OF_NEWEST = 0, HL_OF_NEXT = 1, HL_OF_REFERENCE = 2, HL_OF_ADDRESS = 3 };

#define HL_SITE_SLOTS 4096u
#define HL_CLASSES 256u
#define HL_CLASS_DEPTH 16u
#define HL_INDEX_SLOTS 65536u

struct hl_site {
    uint64_t size;
    uint32_t stack;
    uint32_t made; // chunk epoch it belongs to
};

// The freed blocks of one size class, newest last, as glibc's thread cache hands them out again.
struct hl_class {
    uint32_t epoch;
    uint32_t count;
    uint64_t freed[HL_CLASS_DEPTH];
};

struct hl_event_model {
    uint32_t epoch;
    uint32_t made;      // allocations so far in this chunk
    uint32_t last_free; // index of the allocation freed last
    uint32_t last_stack;
    uint32_t context; // site slot that predicts the next site
    uint32_t thread;
    uint32_t is_in_order; // decoder only: of the chunk decoded last
    uint64_t ticks;
    uint64_t last_address;
    uint64_t last_bytes;
    uint64_t address[HL_EVENTS_MAX];
    uint16_t class_of[HL_EVENTS_MAX];
    struct hl_site sites[HL_SITE_SLOTS];
    struct hl_class classes[HL_CLASSES];
    uint32_t index[HL_INDEX_SLOTS]; // encoder only: (epoch's low 16 bits, allocation index) by address
};
HL_STATIC_ASSERT(sizeof(struct hl_event_model) <= HL_EVENTS_SCRATCH_BYTES, "model fits the scratch");

static inline void hl_model_begin(struct hl_event_model *model) {
    // The epoch empties sites, classes and index without touching them; every 65,535 chunks they are wiped for real.
    if ((uint16_t)++model->epoch == 0) {
        memset(model, 0, sizeof *model);
        model->epoch = 1;
    }
    model->made = model->last_free = model->last_stack = model->context = model->thread = 0;
    model->ticks = model->last_address = model->last_bytes = 0;
}

static inline int hl_kind_has_site(uint32_t kind) {
    return kind == HL_KIND_ALLOC || kind == HL_KIND_REALLOC_ALLOC;
}
static inline int hl_kind_frees(uint32_t kind) {
    return kind == HL_KIND_FREE || kind == HL_KIND_REALLOC_FREE;
}

// glibc's chunk for a request: 8 bytes of header, 16-byte steps, at least 32. Any rule is right, this one predicts best.
static inline uint64_t hl_block_bytes(uint64_t size) {
    uint64_t bytes = (size + 8 + 15) & ~(uint64_t)15;
    return bytes < 32 ? 32 : bytes;
}
static inline uint32_t hl_size_class(uint64_t size) {
    uint64_t c = hl_block_bytes(size) >> 4;
    return c < HL_CLASSES ? (uint32_t)c : 0;
}
static inline struct hl_class *hl_model_class(struct hl_event_model *model, uint32_t class) {
    struct hl_class *c = &model->classes[class];
    if (c->epoch != model->epoch) {
        c->epoch = model->epoch;
        c->count = 0;
    }
    return c;
}
static inline struct hl_site *hl_model_site(struct hl_event_model *model) {
    struct hl_site *site = &model->sites[model->context];
    if (site->made != model->epoch) *site = (struct hl_site){.made = model->epoch};
    return site;
}
// The site just seen becomes what this context predicts, and part of the next context.
static inline void hl_model_saw_site(struct hl_event_model *model, struct hl_site *site, uint32_t stack,
                                     uint64_t size) {
    site->stack = stack;
    site->size = size;
    model->last_stack = stack;
    model->context = ((model->context << 5) ^ (stack * 2654435761u >> 20)) & (HL_SITE_SLOTS - 1);
}
// Where the model expects an allocation of this class, by mode.
static inline uint64_t hl_model_freed(struct hl_event_model *model, uint32_t class) {
    struct hl_class *c = hl_model_class(model, class);
    return c->count ? c->freed[(c->count - 1) % HL_CLASS_DEPTH] : 0;
}
static inline void hl_model_allocated(struct hl_event_model *model, uint64_t address, uint64_t size,
                                      uint32_t class, int mode) {
    if (mode == HL_AT_FREED) model->classes[class].count--;
    model->address[model->made] = address;
    model->class_of[model->made] = (uint16_t)class;
    model->made++;
    model->last_address = address;
    model->last_bytes = hl_block_bytes(size);
}
static inline void hl_model_freed_block(struct hl_event_model *model, uint32_t block) {
    struct hl_class *c = hl_model_class(model, model->class_of[block]);
    c->freed[c->count % HL_CLASS_DEPTH] = model->address[block];
    c->count++;
    model->last_free = block;
}
static inline uint64_t hl_zigzag(uint64_t difference) {
    return (difference << 1) ^ (uint64_t)((int64_t)difference >> 63);
}
static inline uint64_t hl_unzigzag(uint64_t value) {
    return (value >> 1) ^ (uint64_t)(-(int64_t)(value & 1));
}
