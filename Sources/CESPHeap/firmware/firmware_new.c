// SPDX-License-Identifier: Apache-2.0
//
// operator new and delete of firmware, under the names the C++ ABI gives them: C++ lets a program replace them, and the
// replacement serves the C++ library too, so its strings and containers live in the emulated heap as on the chip.
// Part of the shared library that firmware is linked with, never of a tool.

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "esp_heap_caps.h"
#include "heapline_chip.h"

// Before start-up code has run (constructors of static objects) and without a chip there is only the host's heap; the
// two are told apart by address on delete.
static void *allocate(size_t size) {
    void *block = hl_chip_current() ? heap_caps_malloc_default(size ? size : 1) : malloc(size ? size : 1);
    return block;
}

static void release(void *block) {
    struct hl_chip *chip = hl_chip_current();
    uint32_t address = chip ? hl_chip_address(chip, block) : 0;
    if (chip && hl_chip_pointer(chip, address) == block && hl_chip_is_mapped(chip, address, 1))
        heap_caps_free(block);
    else
        free(block);
}

// Firmware is built without exceptions as a rule; running out of memory in a plain new ends it.
static void *allocate_or_end(size_t size) {
    void *block = allocate(size);
    if (!block)
        abort();
    return block;
}

static void *allocate_aligned(size_t size, size_t alignment) {
    return heap_caps_aligned_alloc_default(alignment, size ? size : 1);
}

void *_Znwm(size_t size) {
    return allocate_or_end(size);
}
void *_Znam(size_t size) {
    return allocate_or_end(size);
}
void *_ZnwmRKSt9nothrow_t(size_t size, const void *tag) {
    (void)tag;
    return allocate(size);
}
void *_ZnamRKSt9nothrow_t(size_t size, const void *tag) {
    (void)tag;
    return allocate(size);
}
void *_ZnwmSt11align_val_t(size_t size, size_t alignment) {
    return allocate_aligned(size, alignment);
}
void *_ZnamSt11align_val_t(size_t size, size_t alignment) {
    return allocate_aligned(size, alignment);
}
void _ZdlPv(void *block) {
    release(block);
}
void _ZdaPv(void *block) {
    release(block);
}
void _ZdlPvm(void *block, size_t size) {
    (void)size;
    release(block);
}
void _ZdaPvm(void *block, size_t size) {
    (void)size;
    release(block);
}
void _ZdlPvSt11align_val_t(void *block, size_t alignment) {
    (void)alignment;
    release(block);
}
void _ZdaPvSt11align_val_t(void *block, size_t alignment) {
    (void)alignment;
    release(block);
}
void _ZdlPvmSt11align_val_t(void *block, size_t size, size_t alignment) {
    (void)size;
    (void)alignment;
    release(block);
}
