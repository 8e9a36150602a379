// SPDX-License-Identifier: Apache-2.0
//
// Return codes of the trace API in every state, and the effects ESP-IDF's documents describe.

#include <stdlib.h>

#include "esp_heap_caps.h"
#include "esp_heap_trace.h"
#include "unity.h"

static heap_trace_record_t records[4];

TEST_CASE("before initialisation", "[state]") {
    TEST_ESP_ERR(ESP_ERR_INVALID_STATE, heap_trace_start(HEAP_TRACE_ALL));
    TEST_ESP_ERR(ESP_ERR_INVALID_ARG, heap_trace_init_standalone(NULL, 4));
    TEST_ESP_ERR(ESP_ERR_INVALID_ARG, heap_trace_init_standalone(records, 0));
    TEST_ASSERT_EQUAL(0, heap_trace_get_count());
    TEST_ESP_ERR(ESP_ERR_INVALID_STATE, heap_trace_get(0, NULL));
    TEST_ESP_ERR(ESP_ERR_INVALID_ARG, heap_trace_summary(NULL));
    TEST_ESP_OK(heap_trace_stop()); // the first stop succeeds: tracing was in no known state
    TEST_ESP_ERR(ESP_ERR_INVALID_STATE, heap_trace_stop());
}

TEST_CASE("while running", "[state]") {
    TEST_ESP_OK(heap_trace_init_standalone(records, 4));
    TEST_ESP_OK(heap_trace_start(HEAP_TRACE_ALL));
    TEST_ESP_ERR(ESP_ERR_INVALID_STATE, heap_trace_init_standalone(records, 4));
    TEST_ESP_ERR(ESP_ERR_INVALID_STATE, heap_trace_init_tohost());
    TEST_ESP_ERR(ESP_ERR_INVALID_STATE, heap_trace_resume());
    TEST_ESP_OK(heap_trace_start(HEAP_TRACE_LEAKS)); // restarts
    TEST_ESP_OK(heap_trace_alloc_pause());
    TEST_ESP_ERR(ESP_ERR_INVALID_STATE, heap_trace_alloc_pause());
    TEST_ESP_ERR(ESP_ERR_INVALID_STATE, heap_trace_init_standalone(records, 4));
    TEST_ESP_OK(heap_trace_resume());
    TEST_ESP_OK(heap_trace_stop());
}

TEST_CASE("realloc is a free and an allocation", "[record]") {
    TEST_ESP_OK(heap_trace_init_standalone(records, 4));
    TEST_ESP_OK(heap_trace_start(HEAP_TRACE_ALL));
    void *first = malloc(40);
    void *second = realloc(first, 200);
    TEST_ESP_OK(heap_trace_stop());
    TEST_ASSERT_EQUAL(2, heap_trace_get_count());
    heap_trace_record_t record;
    TEST_ESP_OK(heap_trace_get(0, &record));
    TEST_ASSERT_TRUE(record.freed);
    TEST_ASSERT_EQUAL(40, record.size);
    TEST_ESP_OK(heap_trace_get(1, &record));
    TEST_ASSERT_FALSE(record.freed);
    TEST_ASSERT_EQUAL_PTR(second, record.address);
    TEST_ASSERT_NOT_NULL(record.alloced_by[0]);
    free(second);
}

TEST_CASE("the oldest record goes first", "[record]") {
    void *blocks[6];
    TEST_ESP_OK(heap_trace_init_standalone(records, 4));
    TEST_ESP_OK(heap_trace_start(HEAP_TRACE_LEAKS));
    for (int i = 0; i < 6; i++)
        blocks[i] = malloc((size_t)(10 + i));
    TEST_ESP_OK(heap_trace_stop());
    heap_trace_summary_t sum;
    TEST_ESP_OK(heap_trace_summary(&sum));
    TEST_ASSERT_TRUE(sum.has_overflowed);
    TEST_ASSERT_EQUAL(6, sum.total_allocations);
    for (size_t i = 0; i < 4; i++) {
        heap_trace_record_t record;
        TEST_ESP_OK(heap_trace_get(i, &record));
        TEST_ASSERT_EQUAL_PTR(blocks[i + 2], record.address);
    }
    for (int i = 0; i < 6; i++)
        free(blocks[i]);
}

TEST_CASE("freeing the record buffer stops the trace", "[bad]") {
    heap_trace_record_t *owned = malloc(4 * sizeof *owned);
    TEST_ESP_OK(heap_trace_init_standalone(owned, 4));
    TEST_ESP_OK(heap_trace_start(HEAP_TRACE_ALL));
    free(owned);
    TEST_ESP_ERR(ESP_ERR_INVALID_STATE, heap_trace_stop());
    TEST_ESP_OK(heap_trace_init_standalone(records, 4));
}
