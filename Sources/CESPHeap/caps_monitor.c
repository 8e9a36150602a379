// SPDX-License-Identifier: Apache-2.0
//
// Monitoring of the least free size between two points: the heaps' minima are set aside in an array
// on the chip's heap, started afresh, and merged again at the end.

#include "caps_entry.h"
#include "heap_ops.h"
#include "port.h"

static bool take_array(struct hl_chip *chip) {
    uint32_t count = 0;
    for (struct hl_region_heap *entry = hl_first_heap(chip); entry; entry = hl_next_heap(entry))
        count++;
    uint32_t array = hl_caps_malloc(chip, 4 * count, MALLOC_CAP_DEFAULT);
    if (array == 0) {
        hl_fault_raise(
            chip, HL_FAULT_ASSERT, 0,
            "assert failed: heap_caps_monitor_local_minimum_free_size_start heap_caps.c:343 "
            "(min_free_bytes_monitoring.values != NULL && \"not enough memory to store "
            "min_free_bytes value\")");
        return false;
    }
    for (uint32_t i = 0; i < count; i++)
        ((uint32_t *)hl_host(chip, array))[i] = UINT32_MAX;
    chip->monitor.array = array;
    chip->monitor.count = count;
    return true;
}

esp_err_t heap_caps_monitor_local_minimum_free_size_start(void) {
    struct hl_chip *chip = hl_current();
    if (!chip || (chip->monitor.array == 0 && !take_array(chip)))
        return ESP_FAIL;
    uint32_t *saved = hl_host(chip, chip->monitor.array);
    struct hl_region_heap *entry = hl_first_heap(chip);
    for (uint32_t i = 0; i < chip->monitor.count; i++, entry = hl_next_heap(entry)) {
        if (!hl_registered(entry))
            continue;
        uint32_t minimum = hl_heap_reset_minimum(hl_registered(entry));
        if (saved[i] > minimum)
            saved[i] = minimum;
    }
    return ESP_OK;
}

esp_err_t heap_caps_monitor_local_minimum_free_size_stop(void) {
    struct hl_chip *chip = hl_current();
    if (!chip || chip->monitor.array == 0)
        return ESP_FAIL;
    const uint32_t *saved = hl_host(chip, chip->monitor.array);
    struct hl_region_heap *entry = hl_first_heap(chip);
    for (uint32_t i = 0; i < chip->monitor.count; i++, entry = hl_next_heap(entry))
        if (hl_registered(entry))
            hl_heap_restore_minimum(hl_registered(entry), saved[i]);
    hl_caps_release(chip, chip->monitor.array);
    chip->monitor.array = chip->monitor.count = 0;
    return ESP_OK;
}
