// SPDX-License-Identifier: Apache-2.0
//
// Memory of the ESP32-P4, with the linker symbols of a small application: chip revision >= 3, L2
// cache 128 KB (0x20000), memory protection on, LP RAM as heap. Facts from ESP-IDF commit
// 102122904ade (July 2026); see heapline_layout.h for the fields.

#include "layouts.h"

static const struct hl_memory_type types[] = {
    {"RAM", {0x10180e, 0x0, 0x0}, {0x10180f, 0x0, 0x0}},
    {"RETENT_RAM", {0x104000, 0x180e, 0x0}, {0x104000, 0x180f, 0x0}},
    {"SPIRAM", {0x400, 0x0, 0x101006}, {0x400, 0x0, 0x101006}},
    {"SPM", {0x10000, 0x0, 0x1806}, {0x10000, 0x0, 0x1806}},
    {"RTCRAM", {0x8000, 0x0, 0x1806}, {0x8000, 0x0, 0x1807}},
};

static const struct hl_region regions[] = {
    {0x4ff20000, 0x9afc0, 1, false, HL_WHEN_ALWAYS, 0x4ff20000},
    {0x4ffbafc0, 0x05040, 0, true, HL_WHEN_ALWAYS, 0x4ffbafc0},
    {0x50108000, 0x08000, 4, false, HL_WHEN_ALWAYS, 0},
    {0x30100000, 0x02000, 3, false, HL_WHEN_ALWAYS, 0},
    {0x48000000, 0x4000000, 2, false, HL_WHEN_PSRAM, 0},
};

static const struct hl_reserved reserved[] = {
    {"rom_layout", 0x4ffbfbb0, 0x4ffc0000, HL_WHEN_ALWAYS},
    {"dram_data_high", 0x4ff2c000, 0x4ff33b20, HL_WHEN_ALWAYS},
    {"iram_code", 0x4ff20000, 0x4ff2c000, HL_WHEN_ALWAYS},
    {"spm_code_data", 0x30100000, 0x30100044, HL_WHEN_ALWAYS},
    {"extram_region", 0x48000000, 0x4c000000, HL_WHEN_PSRAM},
    {"rtc_reserved_data", 0x50108000, 0x50108018, HL_WHEN_ALWAYS},
    {"rtcram_data", 0x50108018, 0x50108080, HL_WHEN_ALWAYS},
};

const struct hl_layout hl_layout_esp32p4 = {
    .target = "esp32p4",
    .title = "ESP32-P4",
    .cores = 2,
    .rtc_heap = true,
    .rom_tlsf = false,
    .iram_inverted = false,
    .is_xtensa = false,
    .axi_dma = true,
    .simd = true,
    .internal_line = 64,
    .external_line = 64,
    .fixed_first_level = 19,
    .fixed_first_level_psram = 23,
    .max_contiguous = 0x04000000,
    .dram = {0x4ff00000, 0x4ffc0000},
    .iram = {0x4ff00000, 0x4ffc0000},
    .diram_dram = {0x4ff00000, 0x4ffc0000},
    .diram_iram = {0x4ff00000, 0x4ffc0000},
    .internal = {0x4ff00000, 0x4ffc0000},
    .byte_accessible = {0x4ff00000, 0x4ffc0000},
    .dma = {0x4ff00000, 0x4ffc0000},
    .irom = {0x40000000, 0x44000000},
    .irom_mask = {0x4fc00000, 0x4fc20000},
    .external = {0x48000000, 0x4c000000},
    .rtc_dram = {0x50108000, 0x50110000},
    .rtc_iram = {0x50108000, 0x50110000},
    .rtc_data = {0x50108000, 0x50110000},
    .types = types,
    .regions = regions,
    .reserved = reserved,
    .type_count = HL_COUNT(types),
    .region_count = HL_COUNT(regions),
    .reserved_count = HL_COUNT(reserved),
};
