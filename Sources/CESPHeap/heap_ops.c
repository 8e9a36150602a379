// SPDX-License-Identifier: Apache-2.0
//
// Allocation, release and resizing in one heap: accounting and canaries around TLSF.

#include "heap_ops.h"

#include <string.h>

#include "poison.h"
#include "port.h"
#include "tlsf.h"

HL_HOT uint32_t used_overhead(const struct hl_heap *heap) {
    return heap->counts_headers ? HL_HEADER_OVERHEAD : 0;
}

HL_HOT void take_bytes(struct hl_heap *heap, uint32_t bytes) {
    uint32_t left = hl_free_bytes(heap) - bytes;
    hl_set_free_bytes(heap, left);
    if (left < hl_minimum_bytes(heap))
        hl_set_minimum_bytes(heap, left);
}

// The heap component accepts any address in the pool here; TLSF looks closer.
static bool is_in_pool(const struct hl_heap *heap, uint32_t data) {
    if (__builtin_expect(data - heap->pool < heap->words->pool_size, 1))
        return true;
    hl_print(heap->chip, "CORRUPT HEAP: multi_heap.c:%d detected at 0x%08x\n", 119, data);
    hl_fault_note(HL_FAULT_CORRUPT, data, "abort() was called");
    return false;
}

// A release that directly follows the allocation of the same block restores the heap to the state
// before, to the order of the lists: malloc takes the first block of a list, and a release puts the
// merged block first into the same list. So it is put off: if the next operation asks for the same
// again, it gets the same block, as it would have; any other operation carries the release out
// first. Firmware's commonest pattern costs a few comparisons this way.
//
//     malloc(n) → p · free(p) · malloc(n) → p        accounting at each step, lists untouched
//
// Not with comprehensive poisoning, where released memory must be seen to change.
HL_HOT bool is_last_allocation(const struct hl_heap *heap, uint32_t data) {
    if (data != heap->last_data || heap->release_is_pending || data == 0)
        return false;
    // Damaged sizes take the long way, where they are noticed.
    uint32_t word = *hl_word(heap, data - 4);
    return word == heap->last_word && *hl_word(heap, data + (word & ~3u)) == heap->last_next_word;
}

bool hl_heap_release_pending(struct hl_heap *heap) {
    heap->release_is_pending = false;
    uint32_t data = heap->last_data;
    heap->last_data = 0;
    return hl_tlsf_free(heap, data) != 0;
}

HL_HOT void remember(struct hl_heap *heap, uint32_t data, uint32_t request) {
    uint32_t word = *hl_word(heap, data - 4);
    heap->last_data = data;
    heap->last_request = request;
    heap->last_word = word;
    heap->last_next_word = *hl_word(heap, data + (word & ~3u));
}

HL_HOT uint32_t malloc_block(struct hl_heap *heap, uint32_t size) {
    uint32_t data;
    if (heap->release_is_pending && size == heap->last_request) {
        heap->release_is_pending = false;
        data = heap->last_data;
    } else {
        if (!hl_heap_settle(heap))
            return 0;
        data = hl_tlsf_malloc(heap, size);
        if (data == 0)
            return 0;
        remember(heap, data, size);
    }
    take_bytes(heap, (heap->last_word & ~3u) + used_overhead(heap));
    return data;
}

HL_HOT bool free_block(struct hl_heap *heap, uint32_t data) {
    uint32_t size;
    if (is_last_allocation(heap, data) && heap->poisoning != HL_POISONING_COMPREHENSIVE) {
        heap->release_is_pending = true;
        size = heap->last_word & ~3u;
    } else {
        if (!hl_heap_settle(heap))
            return false;
        heap->last_data = 0;
        size = is_in_pool(heap, data) ? hl_tlsf_free(heap, data) : 0;
        if (size == 0)
            return false;
    }
    hl_set_free_bytes(heap, hl_free_bytes(heap) + size + used_overhead(heap));
    return true;
}

// For operations other than malloc and free: what follows is not about the last allocation any
// more.
static bool forget_last(struct hl_heap *heap) {
    bool done = hl_heap_settle(heap);
    heap->last_data = 0;
    return done;
}

// Size 0 releases the block without giving its bytes back, as the chip does.
static uint32_t realloc_block(struct hl_heap *heap, uint32_t data, uint32_t size) {
    uint32_t before;
    if (!forget_last(heap) || !is_in_pool(heap, data) || !hl_tlsf_block_size(heap, data, &before))
        return 0;
    if (size == 0) {
        hl_tlsf_free(heap, data);
        return 0;
    }
    uint32_t moved = hl_tlsf_realloc(heap, data, size);
    if (moved != 0) {
        hl_set_free_bytes(heap, hl_free_bytes(heap) + before);
        take_bytes(heap, hl_block_size(heap, moved - HL_DATA_OFFSET));
    }
    return moved;
}

static uint32_t note_bad_pattern(const char *place, uint32_t address) {
    hl_fault_note(HL_FAULT_CORRUPT, address, "assert failed: %s (ret)", place);
    return 0;
}

static void note_bad_canary(const char *place, uint32_t address) {
    hl_fault_note(HL_FAULT_CORRUPT, address, "assert failed: %s (head != NULL)", place);
}

uint32_t hl_heap_malloc(struct hl_heap *heap, uint32_t size) {
    bool poisoned = heap->poisoning != HL_POISONING_NONE;
    if (size == 0 || (poisoned && size > UINT32_MAX - HL_POISON_OVERHEAD))
        return 0;
    hl_heap_lock(heap);
    uint32_t data = malloc_block(heap, poisoned ? size + HL_POISON_OVERHEAD : size);
    if (poisoned && data != 0) {
        data = hl_poison_mark(heap, data, size);
        if (heap->poisoning == HL_POISONING_COMPREHENSIVE && !hl_poison_check_new(heap, data, size))
            data = note_bad_pattern("multi_heap_malloc multi_heap_poisoning.c:259", data);
    }
    hl_heap_unlock(heap);
    return data;
}

uint32_t hl_heap_aligned_alloc(struct hl_heap *heap, uint32_t size, uint32_t alignment,
                               uint32_t offset) {
    bool poisoned = heap->poisoning != HL_POISONING_NONE;
    if (size == 0 || (poisoned && size > UINT32_MAX - HL_POISON_OVERHEAD) || alignment == 0 ||
        (alignment & (alignment - 1)) != 0)
        return 0;
    if (poisoned) {
        size += HL_POISON_OVERHEAD;
        offset += HL_POISON_HEAD;
    }
    hl_heap_lock(heap);
    uint32_t data = forget_last(heap) ? hl_tlsf_memalign(heap, alignment, size, offset) : 0;
    if (data != 0) {
        take_bytes(heap, hl_block_size(heap, data - HL_DATA_OFFSET) + used_overhead(heap));
        if (poisoned) {
            size -= HL_POISON_OVERHEAD;
            data = hl_poison_mark(heap, data, size);
            if (heap->poisoning == HL_POISONING_COMPREHENSIVE &&
                !hl_poison_check_new(heap, data, size))
                data = note_bad_pattern("multi_heap_aligned_alloc_offs multi_heap_poisoning.c:229",
                                        data);
        }
    }
    hl_heap_unlock(heap);
    return data;
}

// A damaged size may have led to something that looks like the canary, anywhere in the chip's
// memory.
static bool stays_inside(const struct hl_heap *heap, uint32_t data) {
    uint32_t size = *hl_word(heap, data - 4), offset = data - heap->start;
    if (offset < heap->size && size <= heap->size - offset)
        return true;
    hl_tlsf_note_access(heap, heap->start + heap->size, true);
    return false;
}

static bool free_poisoned(struct hl_heap *heap, uint32_t data) {
    if (!hl_poison_verify(heap, data, true)) {
        note_bad_canary("multi_heap_free multi_heap_poisoning.c:277", data);
        return false;
    }
    uint32_t head = data - HL_POISON_HEAD;
    if (heap->poisoning == HL_POISONING_COMPREHENSIVE) {
        if (!stays_inside(heap, data))
            return false;
        memset(hl_byte(heap, head), HL_FILL_FREE, *hl_word(heap, head + 4) + HL_POISON_OVERHEAD);
    }
    return free_block(heap, head);
}

bool hl_heap_free(struct hl_heap *heap, uint32_t data) {
    if (data == 0)
        return true;
    hl_heap_lock(heap);
    // A second free: the first can not be undone any more, and the canaries must look as it left them.
    bool done = hl_heap_settle(heap) && (heap->poisoning == HL_POISONING_NONE ? free_block(heap, data)
                                                                              : free_poisoned(heap, data));
    hl_heap_unlock(heap);
    return done;
}

static uint32_t realloc_poisoned(struct hl_heap *heap, uint32_t data, uint32_t size) {
    if (!hl_poison_verify(heap, data, true)) {
        note_bad_canary("multi_heap_realloc multi_heap_poisoning.c:313", data);
        return 0;
    }
    uint32_t head = data - HL_POISON_HEAD;
    if (heap->poisoning == HL_POISONING_LIGHT) {
        uint32_t moved = realloc_block(heap, head, size + HL_POISON_OVERHEAD);
        return moved == 0 ? 0 : hl_poison_mark(heap, moved, size);
    }
    // Comprehensive: always to a new block, whose grown part stays `fe`.
    if (!stays_inside(heap, data))
        return 0;
    uint32_t old_size = *hl_word(heap, head + 4);
    uint32_t moved = malloc_block(heap, size + HL_POISON_OVERHEAD);
    if (moved == 0)
        return 0;
    moved = hl_poison_mark(heap, moved, size);
    memcpy(hl_byte(heap, moved), hl_byte(heap, data), size < old_size ? size : old_size);
    return free_poisoned(heap, data) ? moved : 0;
}

uint32_t hl_heap_realloc(struct hl_heap *heap, uint32_t data, uint32_t size) {
    if (heap->poisoning == HL_POISONING_NONE) {
        if (data == 0)
            return hl_heap_malloc(heap, size);
        hl_heap_lock(heap);
        uint32_t moved = realloc_block(heap, data, size);
        hl_heap_unlock(heap);
        return moved;
    }
    if (size > UINT32_MAX - HL_POISON_OVERHEAD)
        return 0;
    if (data == 0)
        return hl_heap_malloc(heap, size);
    if (size == 0) {
        hl_heap_free(heap, data);
        return 0;
    }
    hl_heap_lock(heap);
    uint32_t moved = hl_heap_settle(heap) ? realloc_poisoned(heap, data, size) : 0;
    hl_heap_unlock(heap);
    return moved;
}

// The chip reads the size without the lock; here the neighbour's release could be writing the flags
// beside it.
uint32_t hl_heap_full_block_size(struct hl_heap *heap, uint32_t data) {
    uint32_t size = 0, block = heap->poisoning == HL_POISONING_NONE ? data : data - HL_POISON_HEAD;
    hl_heap_lock(heap);
    hl_heap_settle(heap);
    if (heap->poisoning != HL_POISONING_NONE && !hl_poison_verify(heap, data, true))
        note_bad_canary("multi_heap_get_full_block_size multi_heap_poisoning.c:358", data);
    else if (!hl_tlsf_block_size(heap, block, &size))
        size = 0;
    hl_heap_unlock(heap);
    return size;
}

uint32_t hl_heap_allocated_size(struct hl_heap *heap, uint32_t data) {
    uint32_t size = hl_heap_full_block_size(heap, data);
    // v4.4 forgot the canaries.
    if (heap->poisoning == HL_POISONING_NONE || heap->idf == HL_IDF_4_4)
        return size;
    return size > HL_POISON_OVERHEAD ? size - HL_POISON_OVERHEAD : 0;
}
