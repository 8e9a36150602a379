// SPDX-License-Identifier: Apache-2.0
//
// Unit tests in the manner of ESP-IDF's Unity: TEST_CASE("name", "[tags]"), TEST_ASSERT_…, unity_run_menu().  Names and
// results are Unity's; the code is not.  A failed assertion ends its test case; in another task than the test's it ends
// that task.

#pragma once

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sdkconfig.h>

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

/// One test case; made by TEST_CASE.
typedef struct test_desc_t {
    const char *name;
    const char *desc;
    void (*fn)(void);
    const char *file;
    int line;
    struct test_desc_t *next;
} test_desc_t;

void unity_testcase_register(test_desc_t *test);
/// Ends the test case as failed.  `format` may be null.
void hl_unity_fail(const char *file, int line, const char *format, ...);
void hl_unity_ignore(const char *file, int line, const char *message);
void hl_unity_numbers(const char *file, int line, long long expected, long long actual, int comparison, int style,
                      const char *message);
void hl_unity_within(const char *file, int line, long long delta, long long expected, long long actual,
                     const char *message);
void hl_unity_strings(const char *file, int line, const char *expected, const char *actual, const char *message);
void hl_unity_memory(const char *file, int line, const void *expected, const void *actual, size_t element, size_t count,
                     const char *message);

/// Given by the program, if it has something to do before and after each test case.
void setUp(void);
void tearDown(void);

#define HL_UNITY_JOIN_(a, b) a##b
#define HL_UNITY_JOIN(a, b) HL_UNITY_JOIN_(a, b)
#define TEST_CASE(name_, desc_) HL_UNITY_CASE(name_, desc_, __LINE__)
#define HL_UNITY_CASE(name_, desc_, id) \
    static void HL_UNITY_JOIN(hl_test_, id)(void); \
    static test_desc_t HL_UNITY_JOIN(hl_description_, id) = {name_, desc_, HL_UNITY_JOIN(hl_test_, id), \
                                                            __FILE__, __LINE__, NULL}; \
    static void __attribute__((constructor)) HL_UNITY_JOIN(hl_register_, id)(void) { \
        unity_testcase_register(&HL_UNITY_JOIN(hl_description_, id)); \
    } \
    static void HL_UNITY_JOIN(hl_test_, id)(void)

enum { HL_UNITY_EQUAL, HL_UNITY_NOT_EQUAL, HL_UNITY_GREATER, HL_UNITY_LESS, HL_UNITY_GREATER_EQUAL, HL_UNITY_LESS_EQUAL };
enum { HL_UNITY_DECIMAL, HL_UNITY_HEXADECIMAL };

#define HL_UNITY_NUMBERS(expected, actual, comparison, style, message) \
    hl_unity_numbers(__FILE__, __LINE__, (long long)(expected), (long long)(actual), comparison, style, message)

#define TEST_FAIL_MESSAGE(message) hl_unity_fail(__FILE__, __LINE__, "%s", message)
#define TEST_FAIL() hl_unity_fail(__FILE__, __LINE__, NULL)
#define TEST_IGNORE_MESSAGE(message) hl_unity_ignore(__FILE__, __LINE__, message)
#define TEST_IGNORE() hl_unity_ignore(__FILE__, __LINE__, NULL)
#define TEST_PASS() hl_unity_ignore(__FILE__, -__LINE__, NULL)
#define TEST_ASSERT_MESSAGE(condition, message) \
    ((condition) ? (void)0 : hl_unity_fail(__FILE__, __LINE__, "%s", message))
#define TEST_ASSERT(condition) TEST_ASSERT_MESSAGE(condition, "Expression Evaluated To FALSE")
#define TEST_ASSERT_TRUE(condition) TEST_ASSERT_MESSAGE(condition, "Expected TRUE Was FALSE")
#define TEST_ASSERT_TRUE_MESSAGE(condition, message) TEST_ASSERT_MESSAGE(condition, message)
#define TEST_ASSERT_UNLESS(condition) TEST_ASSERT_MESSAGE(!(condition), "Expression Evaluated To TRUE")
#define TEST_ASSERT_FALSE(condition) TEST_ASSERT_MESSAGE(!(condition), "Expected FALSE Was TRUE")
#define TEST_ASSERT_FALSE_MESSAGE(condition, message) TEST_ASSERT_MESSAGE(!(condition), message)
#define TEST_ASSERT_NULL(pointer) TEST_ASSERT_MESSAGE((pointer) == NULL, "Expected NULL")
#define TEST_ASSERT_NULL_MESSAGE(pointer, message) TEST_ASSERT_MESSAGE((pointer) == NULL, message)
#define TEST_ASSERT_NOT_NULL(pointer) TEST_ASSERT_MESSAGE((pointer) != NULL, "Expected Non-NULL")
#define TEST_ASSERT_NOT_NULL_MESSAGE(pointer, message) TEST_ASSERT_MESSAGE((pointer) != NULL, message)

#define TEST_ASSERT_EQUAL_MESSAGE(e, a, m) HL_UNITY_NUMBERS(e, a, HL_UNITY_EQUAL, HL_UNITY_DECIMAL, m)
#define TEST_ASSERT_NOT_EQUAL_MESSAGE(e, a, m) HL_UNITY_NUMBERS(e, a, HL_UNITY_NOT_EQUAL, HL_UNITY_DECIMAL, m)
#define TEST_ASSERT_EQUAL(e, a) TEST_ASSERT_EQUAL_MESSAGE(e, a, NULL)
#define TEST_ASSERT_NOT_EQUAL(e, a) TEST_ASSERT_NOT_EQUAL_MESSAGE(e, a, NULL)
#define TEST_ASSERT_EQUAL_INT(e, a) TEST_ASSERT_EQUAL((int)(e), (int)(a))
#define TEST_ASSERT_EQUAL_INT_MESSAGE(e, a, m) TEST_ASSERT_EQUAL_MESSAGE((int)(e), (int)(a), m)
#define TEST_ASSERT_EQUAL_INT8(e, a) TEST_ASSERT_EQUAL((int8_t)(e), (int8_t)(a))
#define TEST_ASSERT_EQUAL_INT16(e, a) TEST_ASSERT_EQUAL((int16_t)(e), (int16_t)(a))
#define TEST_ASSERT_EQUAL_INT32(e, a) TEST_ASSERT_EQUAL((int32_t)(e), (int32_t)(a))
#define TEST_ASSERT_EQUAL_INT64(e, a) TEST_ASSERT_EQUAL((int64_t)(e), (int64_t)(a))
#define TEST_ASSERT_EQUAL_UINT(e, a) TEST_ASSERT_EQUAL((unsigned)(e), (unsigned)(a))
#define TEST_ASSERT_EQUAL_UINT8(e, a) TEST_ASSERT_EQUAL((uint8_t)(e), (uint8_t)(a))
#define TEST_ASSERT_EQUAL_UINT16(e, a) TEST_ASSERT_EQUAL((uint16_t)(e), (uint16_t)(a))
#define TEST_ASSERT_EQUAL_UINT32(e, a) TEST_ASSERT_EQUAL((uint32_t)(e), (uint32_t)(a))
#define TEST_ASSERT_EQUAL_UINT64(e, a) TEST_ASSERT_EQUAL((uint64_t)(e), (uint64_t)(a))
#define TEST_ASSERT_EQUAL_size_t(e, a) TEST_ASSERT_EQUAL((size_t)(e), (size_t)(a))
#define TEST_ASSERT_EQUAL_HEX(e, a) HL_UNITY_NUMBERS(e, a, HL_UNITY_EQUAL, HL_UNITY_HEXADECIMAL, NULL)
#define TEST_ASSERT_EQUAL_HEX8(e, a) TEST_ASSERT_EQUAL_HEX((uint8_t)(e), (uint8_t)(a))
#define TEST_ASSERT_EQUAL_HEX16(e, a) TEST_ASSERT_EQUAL_HEX((uint16_t)(e), (uint16_t)(a))
#define TEST_ASSERT_EQUAL_HEX32(e, a) TEST_ASSERT_EQUAL_HEX((uint32_t)(e), (uint32_t)(a))
#define TEST_ASSERT_EQUAL_PTR(e, a) \
    HL_UNITY_NUMBERS((uintptr_t)(e), (uintptr_t)(a), HL_UNITY_EQUAL, HL_UNITY_HEXADECIMAL, NULL)
#define TEST_ASSERT_GREATER_THAN(t, a) HL_UNITY_NUMBERS(t, a, HL_UNITY_GREATER, HL_UNITY_DECIMAL, NULL)
#define TEST_ASSERT_LESS_THAN(t, a) HL_UNITY_NUMBERS(t, a, HL_UNITY_LESS, HL_UNITY_DECIMAL, NULL)
#define TEST_ASSERT_GREATER_OR_EQUAL(t, a) HL_UNITY_NUMBERS(t, a, HL_UNITY_GREATER_EQUAL, HL_UNITY_DECIMAL, NULL)
#define TEST_ASSERT_LESS_OR_EQUAL(t, a) HL_UNITY_NUMBERS(t, a, HL_UNITY_LESS_EQUAL, HL_UNITY_DECIMAL, NULL)
#define TEST_ASSERT_GREATER_THAN_UINT32(t, a) TEST_ASSERT_GREATER_THAN((uint32_t)(t), (uint32_t)(a))
#define TEST_ASSERT_LESS_THAN_UINT32(t, a) TEST_ASSERT_LESS_THAN((uint32_t)(t), (uint32_t)(a))
#define TEST_ASSERT_INT32_WITHIN(d, e, a) TEST_ASSERT_INT_WITHIN((int32_t)(d), (int32_t)(e), (int32_t)(a))
#define TEST_ASSERT_UINT32_WITHIN(d, e, a) TEST_ASSERT_INT_WITHIN((uint32_t)(d), (uint32_t)(e), (uint32_t)(a))
#define TEST_ASSERT_INT_WITHIN(d, e, a) \
    hl_unity_within(__FILE__, __LINE__, (long long)(d), (long long)(e), (long long)(a), NULL)
#define TEST_ASSERT_EQUAL_STRING(e, a) hl_unity_strings(__FILE__, __LINE__, e, a, NULL)
#define TEST_ASSERT_EQUAL_STRING_MESSAGE(e, a, m) hl_unity_strings(__FILE__, __LINE__, e, a, m)
#define TEST_ASSERT_EQUAL_MEMORY(e, a, n) hl_unity_memory(__FILE__, __LINE__, e, a, 1, n, NULL)
#define TEST_ASSERT_EQUAL_HEX8_ARRAY(e, a, n) hl_unity_memory(__FILE__, __LINE__, e, a, 1, n, NULL)
#define TEST_ASSERT_EQUAL_UINT8_ARRAY(e, a, n) hl_unity_memory(__FILE__, __LINE__, e, a, 1, n, NULL)
#define TEST_ASSERT_EQUAL_HEX32_ARRAY(e, a, n) hl_unity_memory(__FILE__, __LINE__, e, a, 4, n, NULL)
#define TEST_ASSERT_EQUAL_UINT32_ARRAY(e, a, n) hl_unity_memory(__FILE__, __LINE__, e, a, 4, n, NULL)
#define TEST_ESP_OK(code) TEST_ASSERT_EQUAL_HEX32(ESP_OK, code)
#define TEST_ESP_ERR(error, code) TEST_ASSERT_EQUAL_HEX32(error, code)

#ifdef __cplusplus
}
#endif

#include "unity_test_runner.h"
