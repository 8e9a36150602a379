// SPDX-License-Identifier: Apache-2.0
//
// Memory of the ESP32-S3, with the linker symbols of a small application: 16 KB instruction cache,
// 32 KB data cache, memory protection on, RTC fast memory as heap. Facts from ESP-IDF commit
// 102122904ade (July 2026); see heapline_layout.h for the fields.

#include "layouts.h"

static const struct hl_memory_type types[] = {
    {"RAM", {0x10580e, 0x0, 0x0}, {0x10580f, 0x0, 0x0}},
    {"DRAM", {0x0, 0x10180e, 0x0}, {0x0, 0x10180e, 0x0}},
    {"IRAM", {0x0, 0x802, 0x0}, {0x1, 0x802, 0x0}},
    {"SPIRAM", {0x400, 0x0, 0x101006}, {0x400, 0x0, 0x101006}},
    {"RTCRAM", {0x8000, 0x0, 0x1806}, {0x8000, 0x0, 0x1807}},
};

static const struct hl_region regions[] = {
    {0x3fc88000, 0x08000, 0, false, HL_WHEN_ALWAYS, 0x40378000},
    {0x3fc90000, 0x10000, 0, false, HL_WHEN_ALWAYS, 0x40380000},
    {0x3fca0000, 0x10000, 0, false, HL_WHEN_ALWAYS, 0x40390000},
    {0x3fcb0000, 0x10000, 0, false, HL_WHEN_ALWAYS, 0x403a0000},
    {0x3fcc0000, 0x10000, 0, false, HL_WHEN_ALWAYS, 0x403b0000},
    {0x3fcd0000, 0x10000, 0, false, HL_WHEN_ALWAYS, 0x403c0000},
    {0x3fce0000, 0x09710, 0, false, HL_WHEN_ALWAYS, 0x403d0000},
    {0x3fce9710, 0x068f0, 0, true, HL_WHEN_ALWAYS, 0x403d9710},
    {0x3fcf0000, 0x08000, 1, false, HL_WHEN_ALWAYS, 0},
    {0x600fe000, 0x02000, 4, false, HL_WHEN_ALWAYS, 0},
    {0x40374000, 0x04000, 2, false, HL_WHEN_UNPROTECTED, 0},
    {0x3c000000, 0x2000000, 3, false, HL_WHEN_PSRAM, 0},
};

static const struct hl_reserved reserved[] = {
    {"rom_layout", 0x3fceee34, 0x3fcf0000, HL_WHEN_ALWAYS},
    {"dram_data", 0x3fc90d00, 0x3fc92810, HL_WHEN_ALWAYS},
    {"iram_code", 0x3fc84000, 0x3fc90d00, HL_WHEN_ALWAYS},
    {"iram_code_2", 0x40374000, 0x40380d00, HL_WHEN_ALWAYS},
    {"extram_data_region", 0x3c000000, 0x3e000000, HL_WHEN_PSRAM},
    {"rtcram_data", 0x600fe000, 0x600fe000, HL_WHEN_ALWAYS},
    {"rtc_reserved_data", 0x600fffe8, 0x60100000, HL_WHEN_ALWAYS},
};

const struct hl_layout hl_layout_esp32s3 = {
    .target = "esp32s3",
    .title = "ESP32-S3",
    .cores = 2,
    .rtc_heap = true,
    .rom_tlsf = false,
    .iram_inverted = false,
    .is_xtensa = true,
    .axi_dma = false,
    .simd = true,
    .internal_line = 0,
    .external_line = 32,
    .fixed_first_level = 19,
    .fixed_first_level_psram = 23,
    .max_contiguous = 0x02000000,
    .dram = {0x3fc88000, 0x3fd00000},
    .iram = {0x40370000, 0x403e0000},
    .diram_dram = {0x3fc88000, 0x3fcf0000},
    .diram_iram = {0x40378000, 0x403e0000},
    .internal = {0x3fc88000, 0x403e0000},
    .byte_accessible = {0x3fc88000, 0x3fd00000},
    .dma = {0x3fc88000, 0x3fd00000},
    .irom = {0x42000000, 0x44000000},
    .irom_mask = {0x40000000, 0x40060000},
    .external = {0x3c000000, 0x3e000000},
    .rtc_dram = {0x600fe000, 0x60100000},
    .rtc_iram = {0x600fe000, 0x60100000},
    .rtc_data = {0x50000000, 0x50002000},
    .types = types,
    .regions = regions,
    .reserved = reserved,
    .type_count = HL_COUNT(types),
    .region_count = HL_COUNT(regions),
    .reserved_count = HL_COUNT(reserved),
};
