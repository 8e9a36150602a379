// SPDX-License-Identifier: Apache-2.0
//
// Memory of the ESP32-S31, with the linker symbols of a small application: memory protection on,
// RTC/LP fast memory as heap. Facts from ESP-IDF commit 102122904ade (July 2026); see
// heapline_layout.h for the fields.

#include "layouts.h"

static const struct hl_memory_type types[] = {
    {"RAM", {0x180e, 0x0, 0x0}, {0x180f, 0x0, 0x0}},
    {"RTCRAM", {0x8000, 0x1806, 0x0}, {0x8000, 0x1807, 0x0}},
    {"SPIRAM", {0x1400, 0x0, 0x6}, {0x1400, 0x0, 0x6}},
};

static const struct hl_region regions[] = {
    {0x2f000000, 0x7afb0, 0, false, HL_WHEN_ALWAYS, 0x2f000000},
    {0x2f07afb0, 0x05050, 0, true, HL_WHEN_ALWAYS, 0x2f07afb0},
    {0x2e000000, 0x08000, 1, false, HL_WHEN_ALWAYS, 0},
    {0x50000000, 0x4000000, 2, false, HL_WHEN_PSRAM, 0},
};

static const struct hl_reserved reserved[] = {
    {"rom_layout", 0x2f07f170, 0x2f080000, HL_WHEN_ALWAYS},
    {"dram_data", 0x2f00a000, 0x2f00da20, HL_WHEN_ALWAYS},
    {"iram_code", 0x2f000000, 0x2f00a000, HL_WHEN_ALWAYS},
    {"extram_region", 0x50000000, 0x54000000, HL_WHEN_PSRAM},
    {"rtcram_data", 0x2e000000, 0x2e000000, HL_WHEN_ALWAYS},
    {"rtc_reserved_data", 0x2e007fe8, 0x2e008000, HL_WHEN_ALWAYS},
};

const struct hl_layout hl_layout_esp32s31 = {
    .target = "esp32s31",
    .title = "ESP32-S31",
    .cores = 2,
    .rtc_heap = true,
    .rom_tlsf = true,
    .iram_inverted = false,
    .is_xtensa = false,
    .axi_dma = true,
    .simd = true,
    .internal_line = 0,
    .external_line = 64,
    .fixed_first_level = 19,
    .fixed_first_level_psram = 23,
    .max_contiguous = 0x04000000,
    .dram = {0x2f000000, 0x2f080000},
    .iram = {0x2f000000, 0x2f080000},
    .diram_dram = {0x2f000000, 0x2f080000},
    .diram_iram = {0x2f000000, 0x2f080000},
    .internal = {0x2f000000, 0x2f080000},
    .byte_accessible = {0x2f000000, 0x2f080000},
    .dma = {0x2f000000, 0x2f080000},
    .irom = {0x40000000, 0x44000000},
    .irom_mask = {0x2f800000, 0x2f850000},
    .external = {0x50000000, 0x54000000},
    .rtc_dram = {0x2e000000, 0x2e008000},
    .rtc_iram = {0x2e000000, 0x2e008000},
    .rtc_data = {0x2e000000, 0x2e008000},
    .types = types,
    .regions = regions,
    .reserved = reserved,
    .type_count = HL_COUNT(types),
    .region_count = HL_COUNT(regions),
    .reserved_count = HL_COUNT(reserved),
};
