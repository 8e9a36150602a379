// SPDX-License-Identifier: Apache-2.0
//
// Loops over the emulated heap, and over glibc's and jemalloc's for comparison. jemalloc is found at run time.

#include "loops.h"

#include "esp_heap_caps.h"
#include "esp_heap_caps_init.h"
#include "esp_heap_trace.h"
#include "heapline_chip.h"
#include "heapline_trace.h"
#include "multi_heap.h"

#include <dlfcn.h>
#include <stdlib.h>

#define LIVE 256
#define REGION 0x3fc00000u
// A region for traced blocks, with a capability that no memory of a chip has: 100,000 records need more than a chip's own.
#define TRACED 0x20000000u
#define TRACED_BYTES (16u << 20)
#define TRACED_CAPS (1u << 28)

struct loops_heap {
    enum loops_allocator kind;
    struct hl_chip *chip;
    struct hl_chip *before; // the chip that was current
    multi_heap_handle_t region;
    void *library;
    void *(*malloc)(size_t);
    void (*free)(void *);
    void *(*realloc)(void *, size_t);
    void *(*aligned)(size_t, size_t);
    uint64_t random;
    void *live[LIVE];
    void **held; // what fragments the region, or fills the trace
    uint64_t held_count;
    heap_trace_record_t *records;
};

static inline uint64_t next_random(struct loops_heap *heap) { // xorshift64*, Vigna 2016
    uint64_t x = heap->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    heap->random = x;
    return x * 2685821657736338717u;
}

static inline void *take(struct loops_heap *heap, size_t size) {
    return heap->region ? multi_heap_malloc(heap->region, size) : heap->malloc(size);
}

static inline void give(struct loops_heap *heap, void *block) {
    if (heap->region) multi_heap_free(heap->region, block);
    else heap->free(block);
}

// Blocks over the whole region, of which every second one is freed again, until `fill` per cent are taken.
static int fragment(struct loops_heap *heap, uint64_t bytes, int fill) {
    uint64_t most = bytes / 48 + 1, count = 0;
    void **blocks = calloc(most, sizeof *blocks);
    if (!blocks) return -1;
    uint64_t taken = 0;
    while (count < most && taken < bytes * (uint64_t)fill / 100) {
        size_t size = 32 + next_random(heap) % 96;
        void *block = multi_heap_malloc(heap->region, size);
        if (!block) break;
        taken += size;
        blocks[count++] = block;
    }
    for (uint64_t i = 0; i < count; i += 2) multi_heap_free(heap->region, blocks[i]);
    free(blocks);
    return 0;
}

static int make_emulated(struct loops_heap *heap, const char *chip, int poisoning, uint64_t bytes, int fill) {
    struct hl_chip_options options = {.target = chip, .poisoning = (enum hl_poisoning)poisoning};
    if (hl_chip_create(&options, &heap->chip)) return -1;
    heap->before = hl_chip_use(heap->chip);
    if (bytes == 0) { // the chip's own heaps, and the one for traced blocks
        const uint32_t caps[3] = {TRACED_CAPS, 0, 0};
        heap_caps_init();
        if (hl_chip_map(heap->chip, TRACED, TRACED_BYTES) != 0) return -1;
        intptr_t start = (intptr_t)hl_chip_pointer(heap->chip, TRACED);
        return heap_caps_add_region_with_caps(caps, start, start + (intptr_t)TRACED_BYTES) == ESP_OK ? 0 : -1;
    }
    void *memory = hl_chip_map(heap->chip, REGION, bytes) ? NULL : hl_chip_pointer(heap->chip, REGION);
    if (memory) heap->region = multi_heap_register(memory, bytes);
    return heap->region ? fragment(heap, bytes, fill) : -1;
}

struct loops_heap *loops_heap_make(enum loops_allocator allocator, const char *chip, int poisoning, uint64_t bytes, int fill) {
    struct loops_heap *heap = calloc(1, sizeof *heap);
    if (!heap) return NULL;
    heap->kind = allocator;
    heap->random = 88172645463325252u;
    int problem = 0;
    if (allocator == LOOPS_EMULATED) {
        problem = make_emulated(heap, chip, poisoning, bytes, fill);
    } else {
        // Not RTLD_NEXT: our own hooks stand before it.
        heap->library = dlopen(allocator == LOOPS_JEMALLOC ? "libjemalloc.so.2" : "libc.so.6", RTLD_NOW | RTLD_LOCAL);
        if (heap->library) {
            *(void **)&heap->malloc = dlsym(heap->library, "malloc");
            *(void **)&heap->free = dlsym(heap->library, "free");
            *(void **)&heap->realloc = dlsym(heap->library, "realloc");
            *(void **)&heap->aligned = dlsym(heap->library, "aligned_alloc");
        }
        problem = !heap->malloc || !heap->free || !heap->realloc || !heap->aligned;
    }
    if (!problem) return heap;
    loops_heap_end(heap);
    return NULL;
}

void loops_heap_end(struct loops_heap *heap) {
    for (int i = 0; i < LIVE; i++)
        if (heap->live[i]) give(heap, heap->live[i]);
    if (heap->chip) {
        hl_chip_use(heap->before);
        hl_chip_destroy(heap->chip);
    }
    if (heap->library) dlclose(heap->library);
    free(heap);
}

void loops_heap_pairs(struct loops_heap *heap, uint64_t pairs) {
    for (uint64_t i = 0; i < pairs; i++) give(heap, take(heap, 64));
}

void loops_heap_mixed(struct loops_heap *heap, uint64_t pairs) {
    for (uint64_t i = 0; i < pairs; i++) {
        uint64_t drawn = next_random(heap);
        void **slot = &heap->live[drawn % LIVE];
        if (*slot) give(heap, *slot);
        *slot = take(heap, 4 + (drawn >> 32) % 32);
    }
}

void loops_heap_realloc(struct loops_heap *heap, uint64_t calls) {
    void *block = NULL;
    for (uint64_t i = 0; i < calls; i++) {
        size_t size = 16 + (i & 31) * 16;
        void *moved = heap->region ? multi_heap_realloc(heap->region, block, size) : heap->realloc(block, size);
        if (moved) block = moved;
    }
    if (block) give(heap, block);
}

void loops_heap_aligned(struct loops_heap *heap, uint64_t pairs) {
    for (uint64_t i = 0; i < pairs; i++) {
        size_t alignment = (size_t)16 << (i & 3);
        void *block = heap->region ? multi_heap_aligned_alloc(heap->region, 128, alignment) : heap->aligned(alignment, 128);
        if (block) give(heap, block);
    }
}

int loops_trace(struct loops_heap *heap, int all, uint64_t records) {
    heap->records = calloc(records, sizeof *heap->records);
    heap->held = calloc(records, sizeof *heap->held);
    if (!heap->records || !heap->held) return -1;
    if (hl_heap_trace_attach(heap->chip, 0, false) != ESP_OK) return -1;
    if (heap_trace_init_standalone(heap->records, records) != ESP_OK) return -1;
    if (heap_trace_start(all ? HEAP_TRACE_ALL : HEAP_TRACE_LEAKS) != ESP_OK) return -1;
    // The oldest records stay; those of the loop come and go behind them, which is where a linear list is slowest.
    while (heap->held_count + 1 < records) {
        void *block = heap_caps_malloc(4, TRACED_CAPS);
        if (!block) break;
        heap->held[heap->held_count++] = block;
    }
    // Were they not recorded, the loop would measure nothing.
    return heap->held_count + 1 < records || heap_trace_get_count() != heap->held_count ? -1 : 0;
}

void loops_trace_end(struct loops_heap *heap) {
    heap_trace_stop();
    hl_heap_trace_detach();
    for (uint64_t i = 0; i < heap->held_count; i++) heap_caps_free(heap->held[i]);
    heap->held_count = 0;
    free(heap->held);
    free(heap->records);
    heap->held = NULL;
    heap->records = NULL;
}

void loops_caps_pairs(struct loops_heap *heap, uint64_t pairs) {
    (void)heap;
    for (uint64_t i = 0; i < pairs; i++) heap_caps_free(heap_caps_malloc(64, TRACED_CAPS));
}
