// SPDX-License-Identifier: Apache-2.0
//
// The records of a trace as the program sees them: ESP-IDF's single list, oldest first, in the program's own buffer.  What
// the chip finds by walking the list is found here through an index by address, so every operation is O(1) at any number
// of records.  Not thread-safe: heap_trace.c owns one and its lock.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HL_TRACE_NONE UINT32_MAX

enum { HL_TRACE_MAXIMUM_DEPTH = 32 };

// A record in the program's buffer; the two stacks of `depth` entries follow.
struct hl_trace_record {
    uint32_t ccount;
    void *address;
    size_t size;
    bool freed;
};

// The index beside it.  A slot is either in the list (live) or in the chain of unused ones.
// All live slots of one address form a chain from oldest to newest; only its oldest is in the hash table, and knows
// the newest.
struct hl_trace_slot {
    uint64_t address;        // 0: unused
    uint32_t previous, next; // list, oldest first; unused: next only
    uint32_t older, newer;   // same address
    uint32_t bucket_next;    // oldest of an address: other addresses of the bucket
    uint32_t newest;         // oldest of an address: the other end of the chain
};

// Which of several records with one address a free means.
enum hl_trace_search { HL_TRACE_OLDEST, HL_TRACE_NEWEST };

// count ≤ capacity; live slots + unused slots == capacity; high_water ≥ count.
struct hl_trace_list {
    char *buffer;            // the program's records
    size_t record_bytes;
    uint32_t depth;
    uint32_t capacity;
    struct hl_trace_slot *slots;
    uint32_t *buckets;
    uint32_t bucket_mask;
    uint32_t oldest, newest, unused;
    uint32_t ahead; // a live slot that will be dropped soon, or HL_TRACE_NONE
    uint32_t count, high_water;
    uint64_t allocations, frees, hits, misses;
    bool overflowed, leaks_only;
    enum hl_trace_search search;
};

// Uses `buffer` and forgets all records; false when the host has no memory for the index.
bool hl_trace_list_reset(struct hl_trace_list *list, void *buffer, uint32_t capacity, size_t record_bytes,
                         uint32_t depth);
void hl_trace_list_add(struct hl_trace_list *list, uint64_t address, uint64_t size, uint32_t ccount,
                       const uint64_t *stack);
void hl_trace_list_free(struct hl_trace_list *list, uint64_t address, const uint64_t *stack);
struct hl_trace_record *hl_trace_list_record(const struct hl_trace_list *list, uint32_t slot);
void **hl_trace_record_stack(const struct hl_trace_list *list, struct hl_trace_record *record, bool of_free);
// Whether all of the invariants above hold.  O(records).
bool hl_trace_list_check(const struct hl_trace_list *list);
