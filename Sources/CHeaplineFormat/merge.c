// SPDX-License-Identifier: Apache-2.0
//
// Two sequences of records as one. Which of two cores did something next is a coin's toss: so there is no branch on it.

#include "heapline_codec.h"

#include <string.h>

static inline uint64_t order(const struct hl_record *record) {
    uint64_t kind = record->time_kind & 0xff;
    return (record->time_kind >> 8) << 1 | (kind != HL_KIND_FREE && kind != HL_KIND_REALLOC_FREE);
}

void hl_records_merge(const struct hl_record *first, size_t first_count, const struct hl_record *second, size_t second_count,
                      struct hl_record *out) {
    const struct hl_record *first_end = first + first_count, *second_end = second + second_count;
    while (first < first_end && second < second_end) {
        size_t is_second = order(second) < order(first);
        const struct hl_record *next = is_second ? second : first;
        *out++ = *next;
        second += is_second;
        first += 1 - is_second;
    }
    memcpy(out, first, (size_t)(first_end - first) * sizeof *first);
    memcpy(out + (first_end - first), second, (size_t)(second_end - second) * sizeof *second);
}
