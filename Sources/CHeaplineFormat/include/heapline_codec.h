// SPDX-License-Identifier: Apache-2.0
//
// Records, nodes and payloads to bytes and back. All functions are pure, allocate nothing, may be called from any
// thread, and treat their input as hostile: damaged bytes give an error, never a read or write outside the buffers.
#pragma once

#include "heapline_format.h"

#if defined(__cplusplus)
extern "C" {
#endif

// Most bytes that hl_events_encode writes for `count` records.
size_t hl_events_bound(uint32_t count);

// Most records in one chunk.
#define HL_EVENTS_MAX 32768u

// Encodes `count` records (at most HL_EVENTS_MAX) of one core, in its order, as columns. Returns the bytes written to `out` (at least
// hl_events_bound(count) large). `scratch` needs HL_EVENTS_SCRATCH_BYTES, zeroed once and then kept between calls.
#define HL_EVENTS_SCRATCH_BYTES (1u << 20)
size_t hl_events_encode(const struct hl_record *_Nonnull records, uint32_t count, uint8_t *_Nonnull out,
                        void *_Nonnull scratch);

// Decodes exactly `count` records (at most HL_EVENTS_MAX), the first of which happened at `first` ticks (the chunk header's
// field). Returns 0, or -1 when the bytes are damaged. `scratch` as for hl_events_encode, but not the same memory.
int hl_events_decode(const uint8_t *_Nonnull bytes, size_t size, uint32_t count, uint64_t first,
                     struct hl_record *_Nonnull out, void *_Nonnull scratch);
// The same without the instructions that not every processor has.
int hl_events_decode_portable(const uint8_t *_Nonnull bytes, size_t size, uint32_t count, uint64_t first,
                              struct hl_record *_Nonnull out, void *_Nonnull scratch);
// Whether the records that were decoded last with this scratch never go back: neither in time nor, at one moment, from an allocation to a
// free. So it is but where a core did both in one tick, or the file is not what a recorder wrote.
int hl_events_in_order(const void *_Nonnull scratch);

// Takes the earlier of both first records again and again until none is left, the first sequence's when they are equally early: by time,
// and at one time frees before allocations. `out` overlaps neither and has room for all.
void hl_records_merge(const struct hl_record *_Nonnull first, size_t first_count, const struct hl_record *_Nonnull second,
                      size_t second_count, struct hl_record *_Nonnull out);

// Encodes nodes that follow each other from id `first`. Returns bytes written; `out` needs 24 bytes for each node.
size_t hl_nodes_encode(const struct hl_node *_Nonnull nodes, uint32_t count, uint64_t first,
                       uint8_t *_Nonnull out);
// Decodes `count` nodes. Returns 0, or -1 when damaged (a parent that is not an earlier node included).
int hl_nodes_decode(const uint8_t *_Nonnull bytes, size_t size, uint32_t count, uint64_t first,
                    struct hl_node *_Nonnull out);

// CRC-32C (Castagnoli, RFC 3720) of `size` bytes, continuing from `seed` (0 to begin).
uint32_t hl_crc32c(uint32_t seed, const void *_Nonnull bytes, size_t size);

// Fills in magic and both checksums of a chunk whose other fields are set.
void hl_chunk_seal(struct hl_chunk *_Nonnull chunk, const void *_Nullable payload);
// 0 when magic, header checksum and sizes are sound.
int hl_chunk_check(const struct hl_chunk *_Nonnull chunk);

// libzstd, found at run time. Never called in a traced program.
// Returns 1 when it can be used. Thread-safe.
int hl_zstd_available(void);
// Most bytes hl_zstd_compress writes for `size` bytes.
size_t hl_zstd_bound(size_t size);
// Compressed size, or 0 when it is not available or failed. `level` as zstd's, negative ones included.
size_t hl_zstd_compress(const void *_Nonnull in, size_t size, void *_Nonnull out, size_t capacity, int level);
// Decompressed size, or 0 when it is not available, the data is damaged, or does not fit.
size_t hl_zstd_decompress(const void *_Nonnull in, size_t size, void *_Nonnull out, size_t capacity);

#if defined(__cplusplus)
}
#endif
