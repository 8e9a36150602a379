// SPDX-License-Identifier: Apache-2.0
//
// See heap_trace_list.h.  The order in which slots are handed out is the chip's: first the buffer's order, then the
// record that was removed last.

#include "heap_trace_list.h"

#include <stdlib.h>
#include <string.h>

#include "esp_heap_trace.h"

_Static_assert(offsetof(heap_trace_record_t, address) == offsetof(struct hl_trace_record, address), "record layout");
_Static_assert(offsetof(heap_trace_record_t, size) == offsetof(struct hl_trace_record, size), "record layout");
_Static_assert(offsetof(heap_trace_record_t, freed) == offsetof(struct hl_trace_record, freed), "record layout");
_Static_assert(offsetof(heap_trace_record_t, alloced_by) == sizeof(struct hl_trace_record), "record layout");

enum { RECORDS_AHEAD = 8 };

struct hl_trace_record *hl_trace_list_record(const struct hl_trace_list *list, uint32_t slot) {
    return (struct hl_trace_record *)(void *)(list->buffer + (size_t)slot * list->record_bytes);
}

void **hl_trace_record_stack(const struct hl_trace_list *list, struct hl_trace_record *record, bool of_free) {
    void **stacks = (void **)(record + 1);
    return stacks + (of_free ? list->depth : 0);
}

static uint32_t *bucket_of(const struct hl_trace_list *list, uint64_t address) {
    uint64_t hash = address * 0x9E3779B97F4A7C15u;
    return &list->buckets[(hash >> 32) & list->bucket_mask];
}

bool hl_trace_list_reset(struct hl_trace_list *list, void *buffer, uint32_t capacity, size_t record_bytes,
                         uint32_t depth) {
    if (capacity != list->capacity || !list->slots) {
        uint32_t bucket_count = 16;
        while (bucket_count < capacity && bucket_count < (1u << 30))
            bucket_count *= 2;
        bucket_count *= 2;
        struct hl_trace_slot *slots = calloc(capacity ? capacity : 1, sizeof *slots);
        uint32_t *buckets = calloc(bucket_count, sizeof *buckets);
        if (!slots || !buckets) {
            free(slots);
            free(buckets);
            return false;
        }
        free(list->slots);
        free(list->buckets);
        list->slots = slots;
        list->buckets = buckets;
        list->bucket_mask = bucket_count - 1;
    }
    list->buffer = buffer;
    list->capacity = capacity;
    list->record_bytes = record_bytes;
    list->depth = depth;
    for (uint32_t bucket = 0; bucket <= list->bucket_mask; bucket++)
        list->buckets[bucket] = HL_TRACE_NONE;
    for (uint32_t slot = 0; slot < capacity; slot++) {
        list->slots[slot].address = 0;
        list->slots[slot].next = slot + 1 < capacity ? slot + 1 : HL_TRACE_NONE;
    }
    list->unused = capacity > 0 ? 0 : HL_TRACE_NONE;
    list->oldest = list->newest = list->ahead = HL_TRACE_NONE;
    list->count = 0;
    list->overflowed = false;
    list->allocations = list->frees = list->hits = list->misses = 0;
    return true;
}

// The oldest slot of an address, in its bucket.
static inline uint32_t find_in(const struct hl_trace_list *list, const uint32_t *bucket, uint64_t address) {
    uint32_t slot = *bucket;
    while (slot != HL_TRACE_NONE && list->slots[slot].address != address)
        slot = list->slots[slot].bucket_next;
    return slot;
}

static uint32_t find(const struct hl_trace_list *list, uint64_t address) {
    return find_in(list, bucket_of(list, address), address);
}

static inline void index_add(struct hl_trace_list *list, uint32_t index, uint64_t address) {
    struct hl_trace_slot *slot = &list->slots[index];
    uint32_t *bucket = bucket_of(list, address);
    slot->newer = HL_TRACE_NONE;
    uint32_t head = find_in(list, bucket, address);
    slot->address = address;
    if (head == HL_TRACE_NONE) {
        slot->older = HL_TRACE_NONE;
        slot->newest = index;
        slot->bucket_next = *bucket;
        *bucket = index;
    } else {
        uint32_t last = list->slots[head].newest;
        slot->older = last;
        list->slots[last].newer = index;
        list->slots[head].newest = index;
    }
}

// Makes `with` (or nothing) stand where the oldest slot `index` stood in its bucket.
static void index_replace(struct hl_trace_list *list, uint32_t index, uint32_t with) {
    uint32_t *link = bucket_of(list, list->slots[index].address);
    while (*link != index)
        link = &list->slots[*link].bucket_next;
    if (with == HL_TRACE_NONE) {
        *link = list->slots[index].bucket_next;
    } else {
        *link = with;
        list->slots[with].bucket_next = list->slots[index].bucket_next;
        list->slots[with].newest = list->slots[index].newest;
        list->slots[with].older = HL_TRACE_NONE;
    }
}

static void index_remove(struct hl_trace_list *list, uint32_t index) {
    struct hl_trace_slot *slot = &list->slots[index];
    if (slot->older == HL_TRACE_NONE) {
        index_replace(list, index, slot->newer);
        return;
    }
    list->slots[slot->older].newer = slot->newer;
    if (slot->newer != HL_TRACE_NONE)
        list->slots[slot->newer].older = slot->older;
    else
        list->slots[find(list, slot->address)].newest = slot->older;
}

static void remove_slot(struct hl_trace_list *list, uint32_t index) {
    struct hl_trace_slot *slot = &list->slots[index];
    if (index == list->ahead)
        list->ahead = HL_TRACE_NONE;
    index_remove(list, index);
    if (slot->previous != HL_TRACE_NONE)
        list->slots[slot->previous].next = slot->next;
    else
        list->oldest = slot->next;
    if (slot->next != HL_TRACE_NONE)
        list->slots[slot->next].previous = slot->previous;
    else
        list->newest = slot->previous;
    struct hl_trace_record *record = hl_trace_list_record(list, index);
    record->address = NULL;
    record->size = 0;
    record->freed = false;
    slot->address = 0;
    slot->next = list->unused;
    list->unused = index;
    list->count--;
}

// Takes the oldest record out for the new one: as if it were removed, and its slot, now the first unused one, taken.
static inline uint32_t take_oldest(struct hl_trace_list *list) {
    uint32_t index = list->oldest, next = list->slots[index].next;
    if (index == list->ahead)
        list->ahead = HL_TRACE_NONE;
    // The oldest of all is the oldest of its address.
    index_replace(list, index, list->slots[index].newer);
    list->oldest = next;
    if (next != HL_TRACE_NONE)
        list->slots[next].previous = HL_TRACE_NONE;
    else
        list->newest = HL_TRACE_NONE;
    return index;
}

static inline uint32_t take_unused(struct hl_trace_list *list) {
    uint32_t index = list->unused;
    list->unused = list->slots[index].next;
    if (++list->count > list->high_water)
        list->high_water = list->count;
    return index;
}

// Each further allocation drops the oldest record, which was last touched long ago. Some records before its turn comes
// what its removal touches is fetched, so that the removal need not wait for memory.
static void fetch_ahead(struct hl_trace_list *list) {
    uint32_t index = list->ahead;
    if (index == HL_TRACE_NONE) {
        index = list->oldest;
        for (unsigned i = 0; i < RECORDS_AHEAD && index != HL_TRACE_NONE; i++)
            index = list->slots[index].next;
    } else {
        index = list->slots[index].next;
    }
    list->ahead = index;
    if (index == HL_TRACE_NONE)
        return;
    const struct hl_trace_slot *slot = &list->slots[index];
    __builtin_prefetch(bucket_of(list, slot->address), 1);
    __builtin_prefetch(hl_trace_list_record(list, index), 1);
    if (slot->next != HL_TRACE_NONE)
        __builtin_prefetch(&list->slots[slot->next], 1);
}

static __attribute__((noinline)) void set_stacks(struct hl_trace_list *list, struct hl_trace_record *record,
                                                 const uint64_t *stack) {
    size_t bytes = list->depth * sizeof(void *);
    memcpy(hl_trace_record_stack(list, record, false), stack, bytes);
    memset(hl_trace_record_stack(list, record, true), 0, bytes);
}

void hl_trace_list_add(struct hl_trace_list *list, uint64_t address, uint64_t size, uint32_t ccount,
                       const uint64_t *stack) {
    list->allocations++;
    uint32_t index;
    if (list->count < list->capacity) {
        index = take_unused(list);
    } else {
        list->overflowed = true;
        if (list->capacity == 0)
            return;
        index = take_oldest(list);
        fetch_ahead(list);
    }
    struct hl_trace_slot *slot = &list->slots[index];
    struct hl_trace_record *record = hl_trace_list_record(list, index);
    record->ccount = ccount;
    record->address = (void *)(uintptr_t)address;
    record->size = size;
    record->freed = false;
    slot->previous = list->newest;
    slot->next = HL_TRACE_NONE;
    if (list->newest != HL_TRACE_NONE)
        list->slots[list->newest].next = index;
    else
        list->oldest = index;
    list->newest = index;
    index_add(list, index, address);
    if (list->depth > 0)
        set_stacks(list, record, stack);
}

void hl_trace_list_free(struct hl_trace_list *list, uint64_t address, const uint64_t *stack) {
    if (list->count == 0)
        return;
    list->frees++;
    uint32_t index = find(list, address);
    if (index == HL_TRACE_NONE) {
        list->misses++;
        return;
    }
    list->hits++;
    if (list->search == HL_TRACE_NEWEST)
        index = list->slots[index].newest;
    if (list->leaks_only) {
        remove_slot(list, index);
        return;
    }
    struct hl_trace_record *record = hl_trace_list_record(list, index);
    record->freed = true;
    if (list->depth > 0)
        memcpy(hl_trace_record_stack(list, record, true), stack, list->depth * sizeof(void *));
}

bool hl_trace_list_check(const struct hl_trace_list *list) {
    uint32_t live = 0, unused = 0;
    uint32_t previous = HL_TRACE_NONE;
    for (uint32_t index = list->oldest; index != HL_TRACE_NONE; index = list->slots[index].next) {
        const struct hl_trace_slot *slot = &list->slots[index];
        if (++live > list->count || slot->previous != previous || slot->address == 0)
            return false;
        uint32_t head = find(list, slot->address);
        uint32_t at = head;
        while (at != HL_TRACE_NONE && at != index)
            at = list->slots[at].newer;
        if (at != index || list->slots[list->slots[head].newest].newer != HL_TRACE_NONE)
            return false;
        previous = index;
    }
    for (uint32_t index = list->unused; index != HL_TRACE_NONE; index = list->slots[index].next) {
        if (++unused > list->capacity || list->slots[index].address != 0)
            return false;
    }
    return live == list->count && live + unused == list->capacity && list->newest == previous &&
           list->high_water >= list->count;
}
