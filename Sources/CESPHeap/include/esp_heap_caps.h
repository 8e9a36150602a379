// SPDX-License-Identifier: Apache-2.0
//
// ESP-IDF's capability-based allocator, for the chip that is current on the calling thread
// (heapline_chip.h). Names, values and signatures are ESP-IDF's.

#ifndef HEAPLINE_ESP_HEAP_CAPS_H
#define HEAPLINE_ESP_HEAP_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"
#include "heapline_nullability.h"
#include "multi_heap.h"
#if defined(__has_include)
#if __has_include("sdkconfig.h")
#include <sdkconfig.h>
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

HL_ASSUME_NONNULL_BEGIN

#if defined(CONFIG_HEAP_HAS_EXEC_HEAP) && CONFIG_HEAP_HAS_EXEC_HEAP
#define MALLOC_CAP_EXEC (1 << 0) ///< Code may run there.
#endif
#define MALLOC_CAP_32BIT (1 << 1) ///< Aligned 32-bit accesses.
#define MALLOC_CAP_8BIT (1 << 2)  ///< Accesses of any width.
#define MALLOC_CAP_DMA (1 << 3)   ///< Reachable by DMA.
#define MALLOC_CAP_PID2 (1 << 4)  ///< Process 2 of the memory management unit, and so on.
#define MALLOC_CAP_PID3 (1 << 5)
#define MALLOC_CAP_PID4 (1 << 6)
#define MALLOC_CAP_PID5 (1 << 7)
#define MALLOC_CAP_PID6 (1 << 8)
#define MALLOC_CAP_PID7 (1 << 9)
#define MALLOC_CAP_SPIRAM (1 << 10)            ///< External memory.
#define MALLOC_CAP_INTERNAL (1 << 11)          ///< Memory that stays when the flash cache is off.
#define MALLOC_CAP_DEFAULT (1 << 12)           ///< What malloc() may return.
#define MALLOC_CAP_IRAM_8BIT (1 << 13)         ///< Instruction memory with byte access.
#define MALLOC_CAP_RETENTION (1 << 14)         ///< Kept during light sleep.
#define MALLOC_CAP_RTCRAM (1 << 15)            ///< RTC fast memory.
#define MALLOC_CAP_SPM (1 << 16)               ///< Scratchpad memory.
#define MALLOC_CAP_TCM MALLOC_CAP_SPM          ///< The older name.
#define MALLOC_CAP_DMA_DESC_AHB (1 << 17)      ///< Descriptors of AHB DMA.
#define MALLOC_CAP_DMA_DESC_AXI (1 << 18)      ///< Descriptors of AXI DMA.
#define MALLOC_CAP_CACHE_ALIGNED (1 << 19)     ///< Aligned to the cache line.
#define MALLOC_CAP_SIMD (1 << 20)              ///< Usable by vector instructions.
#define MALLOC_CAP_SPIRAM_NO_ENC (1 << 21)     ///< External memory exempt from encryption.
#define MALLOC_CAP_INVALID ((uint32_t)1 << 31) ///< No heap has it; "all heaps" where documented.

/// Called when a public allocation function fails, with the caller's size and capabilities and the
/// function's name.
typedef void (*esp_alloc_failed_hook_t)(size_t size, uint32_t caps, const char *function_name);

/// Registers the failure callback. There is no way to take it back.
esp_err_t heap_caps_register_failed_alloc_callback(esp_alloc_failed_hook_t _Nullable callback);

/// Hooks of the firmware, called when the chip was made with hooks on and the program defines them.
extern void esp_heap_trace_alloc_hook(void *ptr, size_t size, uint32_t caps) __attribute__((weak));
extern void esp_heap_trace_free_hook(void *ptr) __attribute__((weak));

void *_Nullable heap_caps_malloc(size_t size, uint32_t caps);
void heap_caps_free(void *_Nullable ptr);
void *_Nullable heap_caps_realloc(void *_Nullable ptr, size_t size, uint32_t caps);
void *_Nullable heap_caps_calloc(size_t n, size_t size, uint32_t caps);
void *_Nullable heap_caps_aligned_alloc(size_t alignment, size_t size, uint32_t caps);
void heap_caps_aligned_free(void *_Nullable ptr);
void *_Nullable heap_caps_aligned_calloc(size_t alignment, size_t n, size_t size, uint32_t caps);

/// The `num` capability sets (uint32_t) are tried in order.
void *_Nullable heap_caps_malloc_prefer(size_t size, size_t num, ...);
void *_Nullable heap_caps_realloc_prefer(void *_Nullable ptr, size_t size, size_t num, ...);
void *_Nullable heap_caps_calloc_prefer(size_t n, size_t size, size_t num, ...);

size_t heap_caps_get_total_size(uint32_t caps);
size_t heap_caps_get_free_size(uint32_t caps);
size_t heap_caps_get_minimum_free_size(uint32_t caps);
size_t heap_caps_get_largest_free_block(uint32_t caps);
esp_err_t heap_caps_monitor_local_minimum_free_size_start(void);
esp_err_t heap_caps_monitor_local_minimum_free_size_stop(void);
void heap_caps_get_info(multi_heap_info_t *info, uint32_t caps);
void heap_caps_print_heap_info(uint32_t caps);

bool heap_caps_check_integrity_all(bool print_errors);
bool heap_caps_check_integrity(uint32_t caps, bool print_errors);
bool heap_caps_check_integrity_addr(intptr_t addr, bool print_errors);

/// Lets malloc() use external memory for requests above `limit`.
void heap_caps_malloc_extmem_enable(size_t limit);

void heap_caps_dump(uint32_t caps);
void heap_caps_dump_all(void);
size_t heap_caps_get_allocated_size(void *ptr);
size_t heap_caps_get_containing_block_size(void *ptr);

/// Bounds of the heap being walked (the name is ESP-IDF's).
typedef struct walker_heap_info {
    intptr_t start;
    intptr_t end;
} walker_heap_into_t;

/// The block being visited.
typedef struct walker_block_info {
    void *ptr;
    size_t size;
    bool used;
} walker_block_info_t;

/// Return false to leave this heap; the next one is walked all the same.
typedef bool (*heap_caps_walker_cb_t)(walker_heap_into_t heap_info, walker_block_info_t block_info,
                                      void *_Nullable user_data);

void heap_caps_walk(uint32_t caps, heap_caps_walker_cb_t walker_func, void *_Nullable user_data);
void heap_caps_walk_all(heap_caps_walker_cb_t walker_func, void *_Nullable user_data);

// Behind libc's malloc family on the chip; not in ESP-IDF's public header, but its tests and newlib
// link them.
void *_Nullable heap_caps_malloc_default(size_t size);
void *_Nullable heap_caps_realloc_default(void *_Nullable ptr, size_t size);
void *_Nullable heap_caps_aligned_alloc_default(size_t alignment, size_t size);
void *_Nullable heap_caps_malloc_base(size_t size, uint32_t caps);
void *_Nullable heap_caps_realloc_base(void *_Nullable ptr, size_t size, uint32_t caps);
void *_Nullable heap_caps_calloc_base(size_t n, size_t size, uint32_t caps);
void *_Nullable heap_caps_aligned_alloc_base(size_t alignment, size_t size, uint32_t caps);

HL_ASSUME_NONNULL_END

#ifdef __cplusplus
}
#endif

#endif
