// SPDX-License-Identifier: Apache-2.0
//
// Memory layouts of the ESP32 family: types, regions, reserved ranges and address classes of each
// target. Plain data; layout.c turns it into heaps.

#ifndef HEAPLINE_LAYOUT_H
#define HEAPLINE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heapline_nullability.h"

#ifdef __cplusplus
extern "C" {
#endif

HL_ASSUME_NONNULL_BEGIN

/// A half-open range of chip addresses; empty when the chip has no such memory.
struct hl_range {
    uint32_t low, high;
};

/// When a region or a reserved range exists.
enum hl_when {
    HL_WHEN_ALWAYS,
    HL_WHEN_PSRAM,       ///< CONFIG_SPIRAM.
    HL_WHEN_DUAL_CORE,   ///< Not CONFIG_FREERTOS_UNICORE.
    HL_WHEN_UNPROTECTED, ///< Memory protection off.
    HL_WHEN_RTC_HEAP,    ///< RTC fast memory is a heap.
};

/// A kind of memory: its name and capabilities by priority, with memory protection on and off.
struct hl_memory_type {
    const char *name;
    uint32_t caps[3];
    uint32_t unprotected_caps[3];
};

/// A piece of memory of one type.
struct hl_region {
    uint32_t start, size;
    uint8_t type;        ///< Index into the layout's types.
    bool startup_stack;  ///< In use until the scheduler starts.
    uint8_t when;        ///< enum hl_when
    uint32_t iram_alias; ///< Address of the same memory on the instruction bus, or 0.
};

/// Memory taken before the heap starts.
struct hl_reserved {
    const char *name;
    uint32_t start, end;
    uint8_t when; ///< enum hl_when
};

/// A target of the family.
struct hl_layout {
    const char *target; ///< As ESP-IDF names it: "esp32s3".
    const char *title;  ///< As people write it: "ESP32-S3".
    uint8_t cores;
    bool rtc_heap;             ///< RTC fast memory is a heap in the default configuration.
    bool rom_tlsf;             ///< The chip's default build uses an older TLSF in ROM.
    bool iram_inverted;        ///< Words of D/IRAM come in reverse order on the instruction bus.
    bool is_xtensa;            ///< Xtensa cores; else RISC-V.
    bool axi_dma;              ///< Descriptors of AXI DMA need 8-byte alignment.
    bool simd;                 ///< SIMD memory needs 16-byte alignment.
    uint8_t internal_line;     ///< Data cache line of internal memory, 0 when it is not cached.
    uint8_t external_line;     ///< Data cache line of external memory, 0 without any.
    uint8_t fixed_first_level; ///< Largest first-level index in v4.4, with external memory below.
    uint8_t fixed_first_level_psram;
    uint32_t max_contiguous; ///< SOC_MAX_CONTIGUOUS_RAM_SIZE: the allocation limit.
    struct hl_range dram, iram, diram_dram, diram_iram, internal, byte_accessible, dma;
    struct hl_range irom, irom_mask, external, rtc_dram, rtc_iram, rtc_data;
    const struct hl_memory_type *types;
    const struct hl_region *regions;
    const struct hl_reserved *reserved;
    uint8_t type_count, region_count, reserved_count;
};

/// All layouts, in the order of ESP-IDF's documents; null past the last.
const struct hl_layout *_Nullable hl_layout_at(size_t index);

/// The layout of a target, or null.
const struct hl_layout *_Nullable hl_layout_named(const char *target);

HL_ASSUME_NONNULL_END

#ifdef __cplusplus
}
#endif

#endif
