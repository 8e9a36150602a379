// SPDX-License-Identifier: Apache-2.0
//
// Memory of the ESP32-S2, with the linker symbols of a small application: 8 KB instruction cache, 0
// KB data cache, memory protection on, RTC fast memory as heap. Facts from ESP-IDF commit
// 102122904ade (July 2026); see heapline_layout.h for the fields.

#include "layouts.h"

static const struct hl_memory_type types[] = {
    {"RAM", {0x180e, 0x0, 0x0}, {0x180f, 0x0, 0x0}},
    {"SPIRAM", {0x400, 0x0, 0x1006}, {0x400, 0x0, 0x1006}},
    {"RTCRAM", {0x8000, 0x0, 0x1806}, {0x8000, 0x0, 0x1807}},
};

static const struct hl_region regions[] = {
    {0x3ffb2000, 0x02000, 0, false, HL_WHEN_ALWAYS, 0x40022000},
    {0x3ffb4000, 0x02000, 0, false, HL_WHEN_ALWAYS, 0x40024000},
    {0x3ffb6000, 0x02000, 0, false, HL_WHEN_ALWAYS, 0x40026000},
    {0x3ffb8000, 0x04000, 0, false, HL_WHEN_ALWAYS, 0x40028000},
    {0x3ffbc000, 0x04000, 0, false, HL_WHEN_ALWAYS, 0x4002c000},
    {0x3ffc0000, 0x04000, 0, false, HL_WHEN_ALWAYS, 0x40030000},
    {0x3ffc4000, 0x04000, 0, false, HL_WHEN_ALWAYS, 0x40034000},
    {0x3ffc8000, 0x04000, 0, false, HL_WHEN_ALWAYS, 0x40038000},
    {0x3ffcc000, 0x04000, 0, false, HL_WHEN_ALWAYS, 0x4003c000},
    {0x3ffd0000, 0x04000, 0, false, HL_WHEN_ALWAYS, 0x40040000},
    {0x3ffd4000, 0x04000, 0, false, HL_WHEN_ALWAYS, 0x40044000},
    {0x3ffd8000, 0x04000, 0, false, HL_WHEN_ALWAYS, 0x40048000},
    {0x3ffdc000, 0x04000, 0, false, HL_WHEN_ALWAYS, 0x4004c000},
    {0x3ffe0000, 0x04000, 0, false, HL_WHEN_ALWAYS, 0x40050000},
    {0x3ffe4000, 0x04000, 0, false, HL_WHEN_ALWAYS, 0x40054000},
    {0x3ffe8000, 0x04000, 0, false, HL_WHEN_ALWAYS, 0x40058000},
    {0x3ffec000, 0x04000, 0, false, HL_WHEN_ALWAYS, 0x4005c000},
    {0x3fff0000, 0x04000, 0, false, HL_WHEN_ALWAYS, 0x40060000},
    {0x3fff4000, 0x04000, 0, false, HL_WHEN_ALWAYS, 0x40064000},
    {0x3fff8000, 0x04000, 0, false, HL_WHEN_ALWAYS, 0x40068000},
    {0x3fffc000, 0x04000, 0, true, HL_WHEN_ALWAYS, 0x4006c000},
    {0x3ff9e000, 0x02000, 2, false, HL_WHEN_ALWAYS, 0x40070000},
    {0x3f500000, 0xa80000, 1, false, HL_WHEN_PSRAM, 0},
};

static const struct hl_reserved reserved[] = {
    {"rom_data_region", 0x3ffffa10, 0x40000000, HL_WHEN_ALWAYS},
    {"dram_data", 0x3ffbc000, 0x3ffbf898, HL_WHEN_ALWAYS},
    {"iram_code", 0x3ffb2000, 0x3ffbc000, HL_WHEN_ALWAYS},
    {"extram_data_region", 0x3f500000, 0x3ff80000, HL_WHEN_PSRAM},
    {"rtcram_data", 0x3ff9e000, 0x3ff9e000, HL_WHEN_ALWAYS},
    {"rtc_reserved_data", 0x3ff9ffe8, 0x3ffa0000, HL_WHEN_ALWAYS},
};

const struct hl_layout hl_layout_esp32s2 = {
    .target = "esp32s2",
    .title = "ESP32-S2",
    .cores = 1,
    .rtc_heap = true,
    .rom_tlsf = false,
    .iram_inverted = false,
    .is_xtensa = true,
    .axi_dma = false,
    .simd = false,
    .internal_line = 0,
    .external_line = 32,
    .fixed_first_level = 19,
    .fixed_first_level_psram = 23,
    .max_contiguous = 0x00a80000,
    .dram = {0x3ffb0000, 0x40000000},
    .iram = {0x40020000, 0x40070000},
    .diram_dram = {0x3ffb0000, 0x40000000},
    .diram_iram = {0x40020000, 0x40070000},
    .internal = {0x3ff9e000, 0x40072000},
    .byte_accessible = {0x3ff9e000, 0x40000000},
    .dma = {0x3ffb0000, 0x40000000},
    .irom = {0x40080000, 0x40800000},
    .irom_mask = {0x40000000, 0x40020000},
    .external = {0x3f500000, 0x3ff80000},
    .rtc_dram = {0x3ff9e000, 0x3ffa0000},
    .rtc_iram = {0x40070000, 0x40072000},
    .rtc_data = {0x50000000, 0x50002000},
    .types = types,
    .regions = regions,
    .reserved = reserved,
    .type_count = HL_COUNT(types),
    .region_count = HL_COUNT(regions),
    .reserved_count = HL_COUNT(reserved),
};
