// SPDX-License-Identifier: Apache-2.0
//
// Memory of the ESP32-C5, with the linker symbols of a small application: memory protection on,
// RTC/LP fast memory as heap. Facts from ESP-IDF commit 102122904ade (July 2026); see
// heapline_layout.h for the fields.

#include "layouts.h"

static const struct hl_memory_type types[] = {
    {"RAM", {0x180e, 0x0, 0x0}, {0x180f, 0x0, 0x0}},
    {"RTCRAM", {0x8000, 0x1806, 0x0}, {0x8000, 0x1807, 0x0}},
    {"SPIRAM", {0x1400, 0x0, 0x6}, {0x1400, 0x0, 0x6}},
};

static const struct hl_region regions[] = {
    {0x40800000, 0x5c5a0, 0, false, HL_WHEN_ALWAYS, 0x40800000},
    {0x4085c5a0, 0x03a60, 0, true, HL_WHEN_ALWAYS, 0x4085c5a0},
    {0x50000000, 0x04000, 1, false, HL_WHEN_ALWAYS, 0},
    {0x42000000, 0x2000000, 2, false, HL_WHEN_PSRAM, 0},
};

static const struct hl_reserved reserved[] = {
    {"rom_layout", 0x4085f4f8, 0x40860000, HL_WHEN_ALWAYS},
    {"dram_data", 0x4080a000, 0x4080fcb0, HL_WHEN_ALWAYS},
    {"iram_code", 0x40800000, 0x4080a000, HL_WHEN_ALWAYS},
    {"rtcram_data", 0x50000000, 0x50000000, HL_WHEN_ALWAYS},
    {"rtc_reserved_data", 0x50003fe8, 0x50004000, HL_WHEN_ALWAYS},
    {"extram_data_region", 0x42000000, 0x44000000, HL_WHEN_PSRAM},
};

const struct hl_layout hl_layout_esp32c5 = {
    .target = "esp32c5",
    .title = "ESP32-C5",
    .cores = 1,
    .rtc_heap = true,
    .rom_tlsf = true,
    .iram_inverted = false,
    .is_xtensa = false,
    .axi_dma = false,
    .simd = false,
    .internal_line = 0,
    .external_line = 32,
    .fixed_first_level = 19,
    .fixed_first_level_psram = 23,
    .max_contiguous = 0x02000000,
    .dram = {0x40800000, 0x40860000},
    .iram = {0x40800000, 0x40860000},
    .diram_dram = {0x40800000, 0x40860000},
    .diram_iram = {0x40800000, 0x40860000},
    .internal = {0x40800000, 0x40860000},
    .byte_accessible = {0x40800000, 0x40860000},
    .dma = {0x40800000, 0x40860000},
    .irom = {0x42000000, 0x44000000},
    .irom_mask = {0x40000000, 0x40050000},
    .external = {0x42000000, 0x44000000},
    .rtc_dram = {0x50000000, 0x50004000},
    .rtc_iram = {0x50000000, 0x50004000},
    .rtc_data = {0x50000000, 0x50004000},
    .types = types,
    .regions = regions,
    .reserved = reserved,
    .type_count = HL_COUNT(types),
    .region_count = HL_COUNT(regions),
    .reserved_count = HL_COUNT(reserved),
};
