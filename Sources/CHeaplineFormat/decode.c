// SPDX-License-Identifier: Apache-2.0
//
// Bytes back to records and nodes; the mirror of encode.c. Input is hostile until proven otherwise: every read is
// checked against its column's end.

#include "event_model.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// A varint of the bytes from `*at`, which never goes beyond `end`; a value that was cut there reads as 0. Without branches that depend
// on its length, which nobody can predict: eight bytes are read at once, and the seven-bit groups up to the first byte
// without a high bit are moved together.
static uint64_t get_slow(const uint8_t **at, const uint8_t *end, int *damaged) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (*at == end) break;
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return value;
    }
    *damaged = 1;
    return 0;
}

// `has_pext` is a constant: whether the processor has an instruction that moves the groups together.
static inline __attribute__((always_inline)) uint64_t get(const uint8_t **at, const uint8_t *end, int *damaged, int has_pext) {
    uint64_t x = 0;
    if (__builtin_expect(end - *at < (ptrdiff_t)sizeof x, 0)) return get_slow(at, end, damaged);
    memcpy(&x, *at, sizeof x);
    uint64_t ends = ~x & 0x8080808080808080;
    if (__builtin_expect(!ends, 0)) return get_slow(at, end, damaged);
    *at += (unsigned)__builtin_ctzll(ends) / 8 + 1;
    uint64_t groups = (ends ^ (ends - 1)) & 0x7f7f7f7f7f7f7f7f;
#if defined(__x86_64__)
    if (has_pext) {
        __asm__("pextq %1, %0, %0" : "+r"(x) : "r"(groups));
        return x;
    }
#else
    (void)has_pext;
#endif
    x &= groups;
    x = (x & 0x007f007f007f007f) | (x & 0x7f007f007f007f00) >> 1;
    x = (x & 0x00003fff00003fff) | (x & 0x3fff00003fff0000) >> 2;
    return (x & 0x000000000fffffff) | (x & 0x0fffffff00000000) >> 4;
}
HL_STATIC_ASSERT(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "eight bytes are read as one word");

// Puts a record past the caches. The reader is usually another core, which has had this memory before: a plain store would first fetch
// the line from there, and that took longer than the whole of decoding.
static inline void put_record(struct hl_record *out, struct hl_record record, int aligned) {
#if defined(__SSE2__)
    if (__builtin_expect(aligned, 1)) {
        __m128i words[2], *to = (__m128i *)(void *)out;
        memcpy(words, &record, sizeof words);
        _mm_stream_si128(to, words[0]);
        _mm_stream_si128(to + 1, words[1]);
        return;
    }
#else
    (void)aligned;
#endif
    *out = record;
}
// Before anybody is told that the records are there.
static inline void put_records_end(void) {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

// Cost: 110 to 180 instructions an event, and no branch on a varint's length. Columns are checked as a whole at the end: until then a
// damaged one may run into the next, never out of the input, and what it says is refused.
static inline __attribute__((always_inline)) int decode(const uint8_t *bytes, size_t size, uint32_t count, uint64_t first,
                                                       struct hl_record *out, void *scratch, int has_pext) {
    struct hl_event_model *model = scratch;
    hl_model_begin(model);
    size_t used = HL_COLUMNS * sizeof(uint32_t);
    if (count > HL_EVENTS_MAX || size < used) return -1;
    const uint8_t *start[HL_COLUMNS + 1];
    for (int i = 0; i < HL_COLUMNS; i++) {
        uint32_t length;
        memcpy(&length, bytes + (size_t)i * sizeof length, sizeof length);
        if (length > size - used) return -1;
        start[i] = bytes + used;
        used += length;
    }
    const uint8_t *end = start[HL_COLUMNS] = bytes + used;
    if (used != size || start[HL_TAGS + 1] - start[HL_TAGS] != (ptrdiff_t)count) return -1;

    // One variable each, so that they stay in registers.
    const uint8_t *tags = start[HL_TAGS], *threads = start[HL_THREADS], *times = start[HL_TIMES], *sites = start[HL_SITES];
    const uint8_t *sizes = start[HL_SIZES], *addresses = start[HL_ADDRESSES], *references = start[HL_REFERENCES];
    uint64_t ticks = first;
    uint32_t thread = 0, falls = 0;
    uint64_t last_key = 0;
    int damaged = 0, aligned = (uintptr_t)out % 16 == 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t tag = tags[i], kind = tag & 0xf;
        int mode = (int)(tag >> HL_ADDRESS_SHIFT & 3);
        ticks += hl_unzigzag(get(&times, end, &damaged, has_pext));
        if (tag & HL_TAG_THREAD) thread = (uint32_t)get(&threads, end, &damaged, has_pext);
        uint64_t address, bytes_asked = 0;
        uint32_t stack = 0;
        if (hl_kind_has_site(kind)) {
            struct hl_site *site = hl_model_site(model);
            stack = site->stack;
            bytes_asked = site->size;
            if (tag & HL_TAG_SITE_MISS) {
                stack = (uint32_t)(model->last_stack + hl_unzigzag(get(&sites, end, &damaged, has_pext)));
                bytes_asked = get(&sizes, end, &damaged, has_pext);
            }
            hl_model_saw_site(model, site, stack, bytes_asked);
            uint32_t class = hl_size_class(bytes_asked);
            if (mode == HL_AT_FREED) {
                address = hl_model_freed(model, class);
                if (!address) return -1;
            } else if (mode == HL_AT_BUMP) {
                address = model->last_address + model->last_bytes;
            } else {
                address = model->last_address + hl_unzigzag(get(&addresses, end, &damaged, has_pext));
            }
            hl_model_allocated(model, address, bytes_asked, class, mode);
        } else if (mode == HL_OF_ADDRESS) {
            address = model->last_address + hl_unzigzag(get(&addresses, end, &damaged, has_pext));
            if (tag & HL_TAG_SITE_MISS) {
                stack = (uint32_t)(model->last_stack + hl_unzigzag(get(&sites, end, &damaged, has_pext)));
                bytes_asked = get(&sizes, end, &damaged, has_pext);
            }
        } else {
            uint32_t block = mode == HL_OF_NEWEST ? model->made - 1
                             : mode == HL_OF_NEXT ? model->last_free + 1
                                                  : model->made - 1 - (uint32_t)get(&references, end, &damaged, has_pext);
            if (block >= model->made) return -1;
            address = model->address[block];
            hl_model_freed_block(model, block);
        }
        uint64_t key = ticks << 8 | !hl_kind_frees(kind);
        falls |= key < last_key;
        last_key = key;
        put_record(&out[i], (struct hl_record){.time_kind = ticks << 8 | kind,
                                               .address = address,
                                               .size = bytes_asked,
                                               .stack = stack,
                                               .thread = thread},
                   aligned);
    }
    put_records_end();
    model->is_in_order = !falls;
    int whole = threads == start[HL_THREADS + 1] && times == start[HL_TIMES + 1] && sites == start[HL_SITES + 1] &&
                sizes == start[HL_SIZES + 1] && addresses == start[HL_ADDRESSES + 1] && references == end;
    return damaged || !whole ? -1 : 0;
}

#if defined(__x86_64__)
__attribute__((target("bmi,bmi2"))) static int decode_bmi2(const uint8_t *bytes, size_t size, uint32_t count, uint64_t first,
                                                           struct hl_record *out, void *scratch) {
    return decode(bytes, size, count, first, out, scratch, 1);
}
#endif

int hl_events_decode_portable(const uint8_t *bytes, size_t size, uint32_t count, uint64_t first,
                              struct hl_record *out, void *scratch) {
    return decode(bytes, size, count, first, out, scratch, 0);
}

int hl_events_decode(const uint8_t *bytes, size_t size, uint32_t count, uint64_t first,
                     struct hl_record *out, void *scratch) {
#if defined(__x86_64__)
    // AMD's first two Zens have pext, but a slow one.
    if (__builtin_cpu_supports("bmi2") && !__builtin_cpu_is("znver1") && !__builtin_cpu_is("znver2"))
        return decode_bmi2(bytes, size, count, first, out, scratch);
#endif
    return hl_events_decode_portable(bytes, size, count, first, out, scratch);
}

int hl_events_in_order(const void *scratch) {
    const struct hl_event_model *model = scratch;
    return model->is_in_order != 0;
}

int hl_nodes_decode(const uint8_t *bytes, size_t size, uint32_t count, uint64_t first, struct hl_node *out) {
    const uint8_t *at = bytes, *end = bytes + size;
    uint64_t pc = 0;
    int damaged = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t up = get(&at, end, &damaged, 0), distance = up >> 1;
        pc += hl_unzigzag(get(&at, end, &damaged, 0));
        if (distance == 0 || distance > first + i) return -1;
        uint64_t parent = first + i - distance;
        out[i] = (struct hl_node){
            .pc = pc,
            .parent = (uint32_t)parent,
            .flags = HL_NODE_VALID | (up & 1 ? HL_NODE_EXACT : 0),
        };
    }
    return damaged || at != end ? -1 : 0;
}
