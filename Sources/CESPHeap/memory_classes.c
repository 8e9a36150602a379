// SPDX-License-Identifier: Apache-2.0
//
// esp_memory_utils.h, soc/soc.h and hal/cache_hal.h from the current chip's layout.

#include "esp_memory_utils.h"

#include "caps.h"
#include "hal/cache_hal.h"
#include "hal/cache_ll.h"
#include "soc/soc.h"

static const struct hl_layout *layout(void) {
    const struct hl_chip *chip = hl_chip_current();
    return chip ? chip->layout : NULL;
}

// The chip address of a pointer; 0 for memory of the host, which is in no range.
static uint32_t address_of(const void *pointer) {
    const struct hl_chip *chip = hl_chip_current();
    if (!chip)
        return 0;
    uint32_t address = hl_chip_address(chip, pointer);
    return hl_chip_pointer(chip, address) == pointer ? address : 0;
}

static bool is_in(struct hl_range range, uint32_t address) {
    return address != 0 && address >= range.low && address < range.high;
}

#define IS_IN(range) (layout() && is_in(layout()->range, address_of(pointer)))

bool esp_ptr_internal(const void *pointer) {
    return IS_IN(internal) || IS_IN(rtc_data);
}

bool esp_ptr_external_ram(const void *pointer) {
    return IS_IN(external);
}

bool esp_ptr_byte_accessible(const void *pointer) {
    return IS_IN(byte_accessible) || IS_IN(external) || IS_IN(rtc_data);
}

bool esp_ptr_dma_capable(const void *pointer) {
    return IS_IN(dma);
}

bool esp_ptr_dma_ext_capable(const void *pointer) {
    return IS_IN(external);
}

bool esp_ptr_in_dram(const void *pointer) {
    return IS_IN(dram);
}

bool esp_ptr_in_iram(const void *pointer) {
    return IS_IN(iram);
}

bool esp_ptr_in_diram_dram(const void *pointer) {
    return IS_IN(diram_dram);
}

bool esp_ptr_in_diram_iram(const void *pointer) {
    return IS_IN(diram_iram);
}

bool esp_ptr_in_rtc_dram_fast(const void *pointer) {
    return IS_IN(rtc_dram);
}

bool esp_ptr_in_rtc_iram_fast(const void *pointer) {
    return IS_IN(rtc_iram);
}

bool esp_ptr_in_rtc_slow(const void *pointer) {
    return IS_IN(rtc_data);
}

bool esp_ptr_executable(const void *pointer) {
    return IS_IN(irom) || IS_IN(iram) || IS_IN(irom_mask) || IS_IN(diram_iram) || IS_IN(rtc_iram);
}

void *esp_ptr_diram_dram_to_iram(const void *pointer) {
    const struct hl_layout *of = layout();
    uint32_t address = address_of(pointer);
    if (!of || !is_in(of->diram_dram, address))
        return NULL;
    uint32_t distance = address - of->diram_dram.low;
    // The ESP32 shows the words of D/IRAM in reverse order on the instruction bus.
    uint32_t alias = of->iram_inverted ? of->diram_iram.high - 4 - distance : of->diram_iram.low + distance;
    return hl_chip_pointer(hl_chip_current(), alias);
}

void *esp_ptr_diram_iram_to_dram(const void *pointer) {
    const struct hl_layout *of = layout();
    uint32_t address = address_of(pointer);
    if (!of || !is_in(of->diram_iram, address))
        return NULL;
    uint32_t distance = address - of->diram_iram.low;
    uint32_t alias = of->iram_inverted ? of->diram_dram.high - 4 - distance : of->diram_dram.low + distance;
    return hl_chip_pointer(hl_chip_current(), alias);
}

intptr_t hl_soc_dram_low(void) {
    return layout() ? layout()->dram.low : 0;
}

intptr_t hl_soc_dram_high(void) {
    return layout() ? layout()->dram.high : 0;
}

intptr_t hl_soc_rtc_data_low(void) {
    return layout() ? layout()->rtc_data.low : 0;
}

intptr_t hl_soc_rtc_data_high(void) {
    return layout() ? layout()->rtc_data.high : 0;
}

uint32_t cache_hal_get_cache_line_size(uint32_t level, cache_type_t type) {
    (void)type;
    if (!layout())
        return 0;
    return level == CACHE_LL_LEVEL_INT_MEM ? layout()->internal_line : layout()->external_line;
}
