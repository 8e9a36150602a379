// SPDX-License-Identifier: Apache-2.0
//
// The part of Catch2 that ESP-IDF's host tests use, on the same test runner as unity.h: TEST_CASE, REQUIRE, CHECK.  A
// program without app_main runs all of its test cases.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "unity.h"

#undef TEST_CASE
#define TEST_CASE(name_, desc_) HL_CATCH_CASE(name_, desc_, __LINE__)
#define HL_CATCH_CASE(name_, desc_, id) \
    static void HL_UNITY_JOIN(hl_test_, id)(); \
    namespace { \
    struct HL_UNITY_JOIN(hl_registration_, id) { \
        test_desc_t description = {name_, desc_, HL_UNITY_JOIN(hl_test_, id), __FILE__, __LINE__, nullptr}; \
        HL_UNITY_JOIN(hl_registration_, id)() { unity_testcase_register(&description); } \
    } HL_UNITY_JOIN(hl_registered_, id); \
    } \
    static void HL_UNITY_JOIN(hl_test_, id)()

#define REQUIRE(...) ((__VA_ARGS__) ? (void)0 : hl_unity_fail(__FILE__, __LINE__, "REQUIRE( %s )", #__VA_ARGS__))
#define REQUIRE_FALSE(...) ((__VA_ARGS__) ? hl_unity_fail(__FILE__, __LINE__, "REQUIRE_FALSE( %s )", #__VA_ARGS__) : (void)0)
#define CHECK(...) REQUIRE(__VA_ARGS__)
#define CHECK_FALSE(...) REQUIRE_FALSE(__VA_ARGS__)
#define FAIL(...) hl_unity_fail(__FILE__, __LINE__, "FAIL")
#define SECTION(...) if (true)
#define INFO(...) ((void)0)
