// SPDX-License-Identifier: Apache-2.0
//
// Memory of the ESP32-C6, with the linker symbols of a small application: memory protection on,
// RTC/LP fast memory as heap. Facts from ESP-IDF commit 102122904ade (July 2026); see
// heapline_layout.h for the fields.

#include "layouts.h"

static const struct hl_memory_type types[] = {
    {"RAM", {0x180e, 0x0, 0x0}, {0x180f, 0x0, 0x0}},
    {"RTCRAM", {0x8000, 0x1806, 0x0}, {0x8000, 0x1807, 0x0}},
};

static const struct hl_region regions[] = {
    {0x40800000, 0x20000, 0, false, HL_WHEN_ALWAYS, 0x40800000},
    {0x40820000, 0x20000, 0, false, HL_WHEN_ALWAYS, 0x40820000},
    {0x40840000, 0x20000, 0, false, HL_WHEN_ALWAYS, 0x40840000},
    {0x40860000, 0x1c610, 0, false, HL_WHEN_ALWAYS, 0x40860000},
    {0x4087c610, 0x039f0, 0, true, HL_WHEN_ALWAYS, 0x4087c610},
    {0x50000000, 0x04000, 1, false, HL_WHEN_ALWAYS, 0},
};

static const struct hl_reserved reserved[] = {
    {"rom_layout", 0x4087f564, 0x40880000, HL_WHEN_ALWAYS},
    {"dram_data", 0x4080a000, 0x4080d8e0, HL_WHEN_ALWAYS},
    {"iram_code", 0x40800000, 0x4080a000, HL_WHEN_ALWAYS},
    {"rtcram_data", 0x50000000, 0x50000000, HL_WHEN_ALWAYS},
    {"rtc_reserved_data", 0x50003fe8, 0x50004000, HL_WHEN_ALWAYS},
};

const struct hl_layout hl_layout_esp32c6 = {
    .target = "esp32c6",
    .title = "ESP32-C6",
    .cores = 1,
    .rtc_heap = true,
    .rom_tlsf = true,
    .iram_inverted = false,
    .is_xtensa = false,
    .axi_dma = false,
    .simd = false,
    .internal_line = 0,
    .external_line = 0,
    .fixed_first_level = 19,
    .fixed_first_level_psram = 19,
    .max_contiguous = 0x00080000,
    .dram = {0x40800000, 0x40880000},
    .iram = {0x40800000, 0x40880000},
    .diram_dram = {0x40800000, 0x40880000},
    .diram_iram = {0x40800000, 0x40880000},
    .internal = {0x40800000, 0x40880000},
    .byte_accessible = {0x40800000, 0x40880000},
    .dma = {0x40800000, 0x40880000},
    .irom = {0x42000000, 0x43000000},
    .irom_mask = {0x40000000, 0x40050000},
    .external = {0, 0},
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
