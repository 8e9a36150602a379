// SPDX-License-Identifier: Apache-2.0
//
// Memory of the ESP32-C61, with the linker symbols of a small application: memory protection on.
// Facts from ESP-IDF commit 102122904ade (July 2026); see heapline_layout.h for the fields.

#include "layouts.h"

static const struct hl_memory_type types[] = {
    {"RAM", {0x180e, 0x0, 0x0}, {0x180f, 0x0, 0x0}},
};

static const struct hl_region regions[] = {
    {0x40800000, 0x4c670, 0, false, HL_WHEN_ALWAYS, 0x40800000},
    {0x4084c670, 0x03990, 0, true, HL_WHEN_ALWAYS, 0x4084c670},
};

static const struct hl_reserved reserved[] = {
    {"rom_layout", 0x4084f5c8, 0x40850000, HL_WHEN_ALWAYS},
    {"dram_data", 0x4080a000, 0x4080e640, HL_WHEN_ALWAYS},
    {"iram_code", 0x40800000, 0x4080a000, HL_WHEN_ALWAYS},
};

const struct hl_layout hl_layout_esp32c61 = {
    .target = "esp32c61",
    .title = "ESP32-C61",
    .cores = 1,
    .rtc_heap = false,
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
    .dram = {0x40800000, 0x40850000},
    .iram = {0x40800000, 0x40850000},
    .diram_dram = {0x40800000, 0x40850000},
    .diram_iram = {0x40800000, 0x40850000},
    .internal = {0x40800000, 0x40850000},
    .byte_accessible = {0x40800000, 0x40850000},
    .dma = {0x40800000, 0x40850000},
    .irom = {0x42000000, 0x44000000},
    .irom_mask = {0x40000000, 0x40040000},
    .external = {0x42000000, 0x44000000},
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
