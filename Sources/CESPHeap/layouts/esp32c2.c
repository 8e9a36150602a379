// SPDX-License-Identifier: Apache-2.0
//
// Memory of the ESP32-C2, with the linker symbols of a small application: memory protection on.
// Facts from ESP-IDF commit 102122904ade (July 2026); see heapline_layout.h for the fields.

#include "layouts.h"

static const struct hl_memory_type types[] = {
    {"RAM", {0x180e, 0x0, 0x0}, {0x180f, 0x0, 0x0}},
};

static const struct hl_region regions[] = {
    {0x3fca0000, 0x10000, 0, false, HL_WHEN_ALWAYS, 0x40380000},
    {0x3fcb0000, 0x10000, 0, false, HL_WHEN_ALWAYS, 0x40390000},
    {0x3fcc0000, 0x1cb70, 0, false, HL_WHEN_ALWAYS, 0x403a0000},
    {0x3fcdcb70, 0x03490, 0, true, HL_WHEN_ALWAYS, 0x403bcb70},
};

static const struct hl_reserved reserved[] = {
    {"rom_layout", 0x3fcdf4bc, 0x3fce0000, HL_WHEN_ALWAYS},
    {"dram_data", 0x3fca8000, 0x3fcabcb0, HL_WHEN_ALWAYS},
    {"iram_code", 0x3fca0000, 0x3fca8000, HL_WHEN_ALWAYS},
};

const struct hl_layout hl_layout_esp32c2 = {
    .target = "esp32c2",
    .title = "ESP32-C2",
    .cores = 1,
    .rtc_heap = false,
    .rom_tlsf = true,
    .iram_inverted = false,
    .is_xtensa = false,
    .axi_dma = false,
    .simd = false,
    .internal_line = 0,
    .external_line = 0,
    .fixed_first_level = 19,
    .fixed_first_level_psram = 19,
    .max_contiguous = 0x00044000,
    .dram = {0x3fca0000, 0x3fce0000},
    .iram = {0x4037c000, 0x403c0000},
    .diram_dram = {0x3fca0000, 0x3fce0000},
    .diram_iram = {0x40380000, 0x403c0000},
    .internal = {0x3fca0000, 0x3fce0000},
    .byte_accessible = {0x3fca0000, 0x3fce0000},
    .dma = {0x3fca0000, 0x3fce0000},
    .irom = {0x42000000, 0x42400000},
    .irom_mask = {0x40000000, 0x40090000},
    .external = {0, 0},
    .rtc_dram = {0, 0},
    .rtc_iram = {0, 0},
    .rtc_data = {0, 0},
    .types = types,
    .regions = regions,
    .reserved = reserved,
    .type_count = HL_COUNT(types),
    .region_count = HL_COUNT(regions),
    .reserved_count = HL_COUNT(reserved),
};
