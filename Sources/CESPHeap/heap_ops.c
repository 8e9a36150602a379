// SPDX-License-Identifier: Apache-2.0
//
// Allocation, release and resizing in one heap: accounting and canaries around TLSF.

#include "heap_hot.h"

#include <string.h>

#include "poison.h"
#include "port.h"
#include "tlsf_hot.h"

// The heap component accepts any address in the pool here; TLSF looks closer.
static bool is_in_pool(const struct hl_heap *heap, uint32_t data) {
    if (__builtin_expect(data - heap->pool < heap->words->pool_size, 1))
        return true;
    hl_print(heap->chip, "CORRUPT HEAP: multi_heap.c:%d detected at 0x%08x\n", 119, data);
    hl_fault_note(HL_FAULT_CORRUPT, data, "abort() was called");
    return false;
}

bool hl_heap_release_pending(struct hl_heap *heap) {
    heap->release_is_pending = false;
    heap->pending_request = 0;
    uint32_t data = heap->last_data;
    heap->last_data = 0;
    return hl_tlsf_release(heap, data) != 0;
}

// With a release pending: the same block again, in the same size or another.
HL_HOT bool take_again(struct hl_heap *heap, uint32_t size) {
    if (size != heap->last_request) {
        struct hl_taken last = {.data = heap->last_data,
                                .word = heap->last_word,
                                .next_word = heap->last_next_word,
                                .list = heap->last_list};
        if (heap->last_list == UINT32_MAX || !hl_tlsf_retake(heap, &last, size))
            return false;
        heap->last_request = size;
        heap->last_word = last.word;
        heap->last_next_word = last.next_word;
    }
    heap->release_is_pending = false;
    heap->pending_request = 0;
    hl_heap_leave_traces(heap);
    return true;
}

HL_HOT uint32_t malloc_block(struct hl_heap *heap, uint32_t size) {
    if (!heap->release_is_pending || !take_again(heap, size)) {
        if (!hl_heap_settle(heap))
            return 0;
        struct hl_taken taken = hl_tlsf_take(heap, size);
        if (__builtin_expect(taken.data == 0, 0))
            return 0;
        heap->last_data = taken.data;
        heap->last_request = size;
        heap->last_word = taken.word;
        heap->last_next_word = taken.next_word;
        heap->last_link = taken.link;
        heap->last_list = taken.list;
    }
    hl_heap_take_bytes(heap, (heap->last_word & ~3u) + heap->header_cost);
    return heap->last_data;
}

HL_HOT bool free_block(struct hl_heap *heap, uint32_t data) {
    uint32_t size;
    if (heap->poisoning != HL_POISONING_COMPREHENSIVE && hl_heap_is_last_allocation(heap, data)) {
        heap->release_is_pending = true;
        if (heap->poisoning == HL_POISONING_NONE)
            heap->pending_request = heap->last_request;
        size = heap->last_word & ~3u;
    } else {
        if (!hl_heap_settle(heap))
            return false;
        heap->last_data = 0;
        size = is_in_pool(heap, data) ? hl_tlsf_release(heap, data) : 0;
        if (__builtin_expect(size == 0, 0))
            return false;
    }
    hl_set_free_bytes(heap, hl_free_bytes(heap) + size + heap->header_cost);
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
        hl_heap_take_bytes(heap, hl_block_size(heap, moved - HL_DATA_OFFSET));
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

static __attribute__((noinline)) uint32_t malloc_poisoned(struct hl_heap *heap, uint32_t size) {
    if (size > UINT32_MAX - HL_POISON_OVERHEAD)
        return 0;
    uint32_t data = malloc_block(heap, size + HL_POISON_OVERHEAD);
    if (data != 0) {
        data = hl_poison_mark(heap, data, size);
        if (heap->poisoning == HL_POISONING_COMPREHENSIVE && !hl_poison_check_new(heap, data, size))
            data = note_bad_pattern("multi_heap_malloc multi_heap_poisoning.c:259", data);
    }
    return data;
}

uint32_t hl_heap_malloc_inside(struct hl_heap *heap, uint32_t size) {
    uint32_t data = 0;
    if (size != 0)
        data = heap->poisoning == HL_POISONING_NONE ? malloc_block(heap, size) : malloc_poisoned(heap, size);
    hl_heap_unlock(heap);
    return data;
}

uint32_t hl_heap_malloc(struct hl_heap *heap, uint32_t size) {
    hl_heap_lock(heap);
    return hl_heap_malloc_inside(heap, size);
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
        hl_heap_take_bytes(heap, hl_block_size(heap, data - HL_DATA_OFFSET) + heap->header_cost);
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

static __attribute__((noinline)) bool free_poisoned(struct hl_heap *heap, uint32_t data) {
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

bool hl_heap_free_inside(struct hl_heap *heap, uint32_t data) {
    // A second free: the first can not be undone any more, and the canaries must look as it left them.
    bool done = data == 0 || (heap->poisoning == HL_POISONING_NONE ? free_block(heap, data)
                                                                   : hl_heap_settle(heap) && free_poisoned(heap, data));
    hl_heap_unlock(heap);
    return done;
}

bool hl_heap_free(struct hl_heap *heap, uint32_t data) {
    hl_heap_lock(heap);
    return hl_heap_free_inside(heap, data);
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
