// SPDX-License-Identifier: Apache-2.0
//
// What Swift cannot say: hints to the cache, and one comparison of sixteen bytes. The reader's live table is larger than
// any cache, and it knows well ahead which slots the next events need.
#pragma once

#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#if defined(__cplusplus)
extern "C" {
#endif

// Starts loading the cache line at `address`; harmless for any address.
static inline void hl_prefetch(const void *_Nonnull address) {
    __builtin_prefetch(address, 1, 3);
}

// Which of the first fifteen of sixteen bytes equal `tag`: bit i for byte i.
static inline uint32_t hl_match15(const uint8_t *_Nonnull bytes, uint8_t tag) {
#if defined(__SSE2__)
    __m128i all = _mm_loadu_si128((const __m128i *)(const void *)bytes);
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(all, _mm_set1_epi8((char)tag))) & 0x7fffu;
#else
    uint32_t found = 0;
    for (uint32_t i = 0; i < 15; i++) found |= (uint32_t)(bytes[i] == tag) << i;
    return found;
#endif
}

#if defined(__cplusplus)
}
#endif
