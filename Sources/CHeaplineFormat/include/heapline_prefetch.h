// SPDX-License-Identifier: Apache-2.0
//
// A hint that Swift cannot express: the reader's live table is larger than any cache, and it knows well ahead which slots
// the next events need.
#pragma once

#if defined(__cplusplus)
extern "C" {
#endif

// Starts loading the cache line at `address`; harmless for any address.
static inline void hl_prefetch(const void *_Nonnull address) {
    __builtin_prefetch(address, 1, 3);
}

#if defined(__cplusplus)
}
#endif
