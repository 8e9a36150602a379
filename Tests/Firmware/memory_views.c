// SPDX-License-Identifier: Apache-2.0
//
// Memory that firmware reaches at two addresses, and its own static data. Not for the ESP32, whose instruction bus sees the
// words of D/IRAM in reverse order.

#include "esp_heap_caps.h"
#include "esp_heap_caps_init.h"
#include "esp_memory_utils.h"
#include "soc/soc_memory_layout.h"
#include "unity.h"

enum { WORDS = 256, EXTRA_BYTES = 4000 };

TEST_CASE("both buses see one memory", "[diram]") {
    uint32_t *data = heap_caps_malloc(WORDS * sizeof *data, MALLOC_CAP_8BIT | MALLOC_CAP_INTERNAL);
    TEST_ASSERT_NOT_NULL(data);
    TEST_ASSERT_TRUE(esp_ptr_in_diram_dram(data));
    for (int i = 0; i < WORDS; i++) {
        volatile uint32_t *instruction = esp_ptr_diram_dram_to_iram(data + i);
        data[i] = (uint32_t)i * 7;
        TEST_ASSERT_EQUAL_HEX32((uint32_t)i * 7, *instruction);
        *instruction = ~(uint32_t)i;
        TEST_ASSERT_EQUAL_HEX32(~(uint32_t)i, *(volatile uint32_t *)&data[i]);
        TEST_ASSERT_TRUE(esp_ptr_diram_iram_to_dram((const void *)instruction) == data + i);
    }
    heap_caps_free(data);
}

TEST_CASE("static data can become a heap, once", "[region]") {
    static uint8_t extra[EXTRA_BYTES];
    size_t before = heap_caps_get_free_size(MALLOC_CAP_8BIT);
    TEST_ESP_OK(heap_caps_add_region((intptr_t)extra, (intptr_t)extra + EXTRA_BYTES));
    TEST_ASSERT_TRUE(heap_caps_get_free_size(MALLOC_CAP_8BIT) > before + EXTRA_BYTES / 2);
    void *block = heap_caps_malloc(1000, MALLOC_CAP_8BIT | MALLOC_CAP_INTERNAL);
    TEST_ASSERT_TRUE((uint8_t *)block >= extra && (uint8_t *)block < extra + EXTRA_BYTES);
    heap_caps_free(block);
    TEST_ASSERT_TRUE(heap_caps_check_integrity_all(true));
    TEST_ASSERT_NOT_EQUAL(ESP_OK, heap_caps_add_region((intptr_t)extra, (intptr_t)extra + EXTRA_BYTES));
}

TEST_CASE("memory of nobody is no region", "[region]") {
    TEST_ASSERT_EQUAL(ESP_ERR_NOT_FOUND, heap_caps_add_region(0x1000, 0x3000));
}
