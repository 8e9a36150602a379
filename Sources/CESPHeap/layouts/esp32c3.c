// SPDX-License-Identifier: Apache-2.0
//
// Memory of the ESP32-C3, with the linker symbols of a small application: memory protection on,
// RTC/LP fast memory as heap. Facts from ESP-IDF commit 102122904ade (July 2026); see
// heapline_layout.h for the fields.

#include "layouts.h"

static const struct hl_memory_type types[] = {
    {"RAM", {0x180e, 0x0, 0x0}, {0x180f, 0x0, 0x0}},
    {"Retention RAM", {0x4000, 0x180e, 0x0}, {0x4000, 0x180f, 0x0}},
    {"RTCRAM", {0x8000, 0x0, 0x1806}, {0x8000, 0x0, 0x1807}},
};

static const struct hl_region regions[] = {
    {0x3fc80000, 0x20000, 0, false, HL_WHEN_ALWAYS, 0x40380000},
    {0x3fca0000, 0x20000, 0, false, HL_WHEN_ALWAYS, 0x403a0000},
    {0x3fcc0000, 0x1c710, 1, false, HL_WHEN_ALWAYS, 0x403c0000},
    {0x3fcdc710, 0x038f0, 1, true, HL_WHEN_ALWAYS, 0x403dc710},
    {0x50000000, 0x02000, 2, false, HL_WHEN_ALWAYS, 0},
};

static const struct hl_reserved reserved[] = {
    {"rom_layout", 0x3fcdf060, 0x3fce0000, HL_WHEN_ALWAYS},
    {"dram_data", 0x3fc8a000, 0x3fc8c790, HL_WHEN_ALWAYS},
    {"iram_code", 0x3fc80000, 0x3fc8a000, HL_WHEN_ALWAYS},
    {"rtcram_data", 0x50000000, 0x50000010, HL_WHEN_ALWAYS},
    {"rtc_reserved_data", 0x50001fe8, 0x50002000, HL_WHEN_ALWAYS},
};

const struct hl_layout hl_layout_esp32c3 = {
    .target = "esp32c3",
    .title = "ESP32-C3",
    .cores = 1,
    .rtc_heap = true,
    .rom_tlsf = false,
    .iram_inverted = false,
    .is_xtensa = false,
    .axi_dma = false,
    .simd = false,
    .internal_line = 0,
    .external_line = 0,
    .fixed_first_level = 19,
    .fixed_first_level_psram = 19,
    .max_contiguous = 0x00064000,
    .dram = {0x3fc80000, 0x3fce0000},
    .iram = {0x4037c000, 0x403e0000},
    .diram_dram = {0x3fc80000, 0x3fce0000},
    .diram_iram = {0x40380000, 0x403e0000},
    .internal = {0x3fc80000, 0x3fce0000},
    .byte_accessible = {0x3fc80000, 0x3fd00000},
    .dma = {0x3fc80000, 0x3fce0000},
    .irom = {0x42000000, 0x42800000},
    .irom_mask = {0x40000000, 0x40060000},
    .external = {0, 0},
    .rtc_dram = {0x50000000, 0x50002000},
    .rtc_iram = {0x50000000, 0x50002000},
    .rtc_data = {0x50000000, 0x50002000},
    .types = types,
    .regions = regions,
    .reserved = reserved,
    .type_count = HL_COUNT(types),
    .region_count = HL_COUNT(regions),
    .reserved_count = HL_COUNT(reserved),
};
