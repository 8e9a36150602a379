// SPDX-License-Identifier: Apache-2.0
//
// C++ firmware: strings and containers live in the chip's heap, and go back to it.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "esp_heap_caps.h"
#include "esp_memory_utils.h"
#include "unity.h"

TEST_CASE("operator new takes the chip's memory", "[cxx]") {
    size_t before = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
    {
        auto number = std::make_unique<int>(7);
        TEST_ASSERT_TRUE(esp_ptr_internal(number.get()));
        std::vector<std::string> names;
        for (int i = 0; i < 100; i++)
            names.push_back("a name that is too long to lie inside the string " + std::to_string(i));
        TEST_ASSERT_TRUE(esp_ptr_internal(names[42].data()));
        std::map<int, std::string> byNumber{{1, "one"}, {2, "two"}};
        TEST_ASSERT_EQUAL(2, byNumber.size());
        TEST_ASSERT_GREATER_THAN(4800, before - heap_caps_get_free_size(MALLOC_CAP_DEFAULT));
    }
    TEST_ASSERT_EQUAL(before, heap_caps_get_free_size(MALLOC_CAP_DEFAULT));
}
