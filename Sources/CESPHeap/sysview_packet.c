// SPDX-License-Identifier: Apache-2.0
//
// See sysview_packet.h.

#include "sysview_packet.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ID_WITH_LENGTH = 24, SYNC_BYTES = 10, VARINT_MAXIMUM = 10 };

static size_t put_varint(uint8_t *at, uint64_t value) {
    size_t count = 0;
    while (value > 127) {
        at[count++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    at[count++] = (uint8_t)value;
    return count;
}

void hl_sysview_begin(struct hl_sysview_packet *packet, uint32_t id) {
    packet->id = id;
    packet->length = 0;
}

void hl_sysview_add(struct hl_sysview_packet *packet, uint64_t value) {
    if (packet->length + VARINT_MAXIMUM <= sizeof packet->payload)
        packet->length += put_varint(packet->payload + packet->length, value);
}

void hl_sysview_add_text(struct hl_sysview_packet *packet, const char *text, size_t limit) {
    size_t length = strlen(text);
    if (length > limit) {
        length = limit;
        while (length > 0 && ((uint8_t)text[length] & 0xC0) == 0x80)
            length--;
    }
    if (packet->length + 1 + length > sizeof packet->payload)
        return;
    packet->payload[packet->length++] = (uint8_t)length;
    memcpy(packet->payload + packet->length, text, length);
    packet->length += length;
}

static uint8_t *make_room(struct hl_sysview_stream *stream, size_t bytes) {
    if (stream->length + bytes > stream->capacity) {
        size_t capacity = stream->capacity ? stream->capacity * 2 : (size_t)64 << 10;
        while (capacity < stream->length + bytes)
            capacity *= 2;
        uint8_t *larger = realloc(stream->bytes, capacity);
        if (!larger)
            return NULL;
        stream->bytes = larger;
        stream->capacity = capacity;
    }
    return stream->bytes + stream->length;
}

void hl_sysview_write_sync(struct hl_sysview_stream *stream) {
    uint8_t *at = make_room(stream, SYNC_BYTES);
    if (!at)
        return;
    memset(at, 0, SYNC_BYTES);
    stream->length += SYNC_BYTES;
}

void hl_sysview_write(struct hl_sysview_stream *stream, const struct hl_sysview_packet *packet, uint64_t tick) {
    uint8_t *at = make_room(stream, packet->length + 4 + VARINT_MAXIMUM + 64);
    if (!at) {
        stream->dropped++;
        return;
    }
    const uint8_t *start = at;
    uint64_t delta = tick > stream->last_tick ? tick - stream->last_tick : 0;
    // Other readers take 32-bit deltas: a longer pause is bridged with empty packets, as many as fit here.
    for (int i = 0; delta > UINT32_MAX && i < 10; i++) {
        *at++ = HL_SYSVIEW_NOP;
        at += put_varint(at, UINT32_MAX);
        delta -= UINT32_MAX;
    }
    at += put_varint(at, packet->id);
    if (packet->id >= FIRST_ID_WITH_LENGTH)
        at += put_varint(at, packet->length);
    memcpy(at, packet->payload, packet->length);
    at += packet->length;
    at += put_varint(at, delta);
    if (tick > stream->last_tick)
        stream->last_tick = tick;
    stream->length += (size_t)(at - start);
}
