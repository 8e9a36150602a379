// SPDX-License-Identifier: Apache-2.0
//
// ESP-IDF's multi-heap: a heap in a piece of memory the caller names. Signatures and types are
// ESP-IDF's; a handle is the start of the memory, as on the chip. On this host memory may be a part
// of the emulated chip or any memory at all.

#ifndef HEAPLINE_MULTI_HEAP_H
#define HEAPLINE_MULTI_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heapline_nullability.h"

#ifdef __cplusplus
extern "C" {
#endif

HL_ASSUME_NONNULL_BEGIN

/// A registered heap. Opaque; equals the address given to `multi_heap_register`.
typedef struct multi_heap_info *multi_heap_handle_t;

/// Figures of one heap, or sums over several.
typedef struct {
    size_t total_free_bytes;      ///< Free bytes, the two unusable words of an empty heap included.
    size_t total_allocated_bytes; ///< Bytes in used blocks, without their headers.
    size_t largest_free_block;    ///< The largest request that would succeed.
    size_t minimum_free_bytes;    ///< The least `total_free_bytes` has ever been.
    size_t allocated_blocks;      ///< Number of used blocks.
    size_t free_blocks;           ///< Number of free blocks.
    size_t total_blocks;          ///< Sum of the two.
} multi_heap_info_t;

/// Called for each block; `block_ptr` is its first byte, canaries included. Return false to end the
/// walk.
typedef bool (*multi_heap_walker_cb_t)(void *block_ptr, size_t block_size, int block_used,
                                       void *_Nullable user_data);

/// Makes a heap of `size` bytes at `start`; null when that is too small.
multi_heap_handle_t _Nullable multi_heap_register(void *start, size_t size);

/// Guards the heap: null (the state after registration) means callers see to exclusion themselves.
/// On this host any other value switches the heap's own recursive spin lock on.
void multi_heap_set_lock(multi_heap_handle_t heap, void *_Nullable lock);

/// Null for size 0, for a null heap, and when no block is large enough.
void *_Nullable multi_heap_malloc(multi_heap_handle_t _Nullable heap, size_t size);

/// As `multi_heap_malloc`, aligned; null unless `alignment` is a power of two. Mind the order of
/// the arguments.
void *_Nullable multi_heap_aligned_alloc(multi_heap_handle_t _Nullable heap, size_t size,
                                         size_t alignment);

/// As `multi_heap_aligned_alloc`, but it is the result plus `offset` that is aligned; `size`
/// includes the offset.
void *_Nullable multi_heap_aligned_alloc_offs(multi_heap_handle_t _Nullable heap, size_t size,
                                              size_t alignment, size_t offset);

/// Null does nothing. Deprecated alias below.
void multi_heap_free(multi_heap_handle_t _Nullable heap, void *_Nullable p);
void multi_heap_aligned_free(multi_heap_handle_t _Nullable heap, void *_Nullable p);

/// Resizes in place where the neighbour allows it, else moves within the heap. Null leaves the old
/// block untouched.
void *_Nullable multi_heap_realloc(multi_heap_handle_t _Nullable heap, void *_Nullable p,
                                   size_t size);

/// Size of the block, without canaries.
size_t multi_heap_get_allocated_size(multi_heap_handle_t heap, void *p);

/// Size of the block, canaries included.
size_t multi_heap_get_full_block_size(multi_heap_handle_t heap, void *p);

/// The used block that contains `ptr`. A fault when there is none.
void *_Nullable multi_heap_find_containing_block(multi_heap_handle_t heap, void *ptr);

/// Prints every block.
void multi_heap_dump(multi_heap_handle_t heap);

/// Whether structure and canaries are intact; prints what is not if asked.
bool multi_heap_check(multi_heap_handle_t heap, bool print_errors);

size_t multi_heap_free_size(multi_heap_handle_t _Nullable heap);
size_t multi_heap_minimum_free_size(multi_heap_handle_t _Nullable heap);
void multi_heap_get_info(multi_heap_handle_t _Nullable heap, multi_heap_info_t *info);

/// Sets the minimum to the present free size; returns the old one.
size_t multi_heap_reset_minimum_free_bytes(multi_heap_handle_t heap);

/// Lowers the minimum to `new_minimum_free_bytes_value` if that is lower.
void multi_heap_restore_minimum_free_bytes(multi_heap_handle_t heap,
                                           const size_t new_minimum_free_bytes_value);

/// Visits every block in address order, the heap locked.
void multi_heap_walk(multi_heap_handle_t heap, multi_heap_walker_cb_t walker_func,
                     void *_Nullable user_data);

HL_ASSUME_NONNULL_END

#ifdef __cplusplus
}
#endif

#endif
