// SPDX-License-Identifier: Apache-2.0
//
// CRC-32C, by the processor's instruction where it has one, and the chunk header built on it.

#include "heapline_codec.h"

#include <string.h>

#define C1(c) (((c) >> 1) ^ ((c) & 1 ? 0x82f63b78u : 0)) // one bit of the reflected polynomial

static uint32_t crc_portable(uint32_t crc, const uint8_t *bytes, size_t size) {
    // Sixteen entries, four bits at a time: small enough to be made at once.
    uint32_t table[16];
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t c = i;
        for (int k = 0; k < 4; k++) c = C1(c);
        table[i] = c;
    }
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, const uint8_t *bytes, size_t size) {
    uint64_t wide = crc;
    for (; size >= 8; size -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    for (; size; size--) crc = __builtin_ia32_crc32qi(crc, *bytes++);
    return crc;
}
#endif

uint32_t hl_crc32c(uint32_t seed, const void *bytes, size_t size) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return ~crc_sse42(~seed, bytes, size);
#endif
    return ~crc_portable(~seed, bytes, size);
}

void hl_chunk_seal(struct hl_chunk *chunk, const void *payload) {
    chunk->magic = HL_CHUNK_MAGIC;
    chunk->payload_checksum = payload ? hl_crc32c(0, payload, chunk->stored_bytes) : 0;
    chunk->header_checksum = hl_crc32c(0, chunk, offsetof(struct hl_chunk, header_checksum));
}

int hl_chunk_check(const struct hl_chunk *chunk) {
    if (chunk->magic != HL_CHUNK_MAGIC) return -1;
    if (chunk->header_checksum != hl_crc32c(0, chunk, offsetof(struct hl_chunk, header_checksum))) return -1;
    return chunk->codec <= HL_CODEC_ZSTD ? 0 : -1;
}
