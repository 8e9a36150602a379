// SPDX-License-Identifier: Apache-2.0
//
// The test runner behind unity.h and catch2/catch_test_macros.hpp.

#include "unity.h"

#include <stdarg.h>

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "heapline_esp.h"

static test_desc_t *first_test, **end_of_tests = &first_test;
static const test_desc_t *running_test;
static TaskHandle_t running_task;
static jmp_buf end_of_test;
static bool has_failed, is_ignored;
static unsigned tests_run, tests_failed, tests_ignored;

__attribute__((weak)) void setUp(void) {
}

__attribute__((weak)) void tearDown(void) {
}

__attribute__((weak)) void app_main(void) {
    unity_run_menu();
}

void unity_testcase_register(test_desc_t *test) {
    *end_of_tests = test;
    end_of_tests = &test->next;
}

// Paths are long and the same for all: the last part names the file.
static const char *last_part(const char *file) {
    const char *slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

static _Noreturn void leave_test(void) {
    fflush(stdout);
    if (xTaskGetCurrentTaskHandle() != running_task) {
        vTaskDelete(NULL);
        __builtin_unreachable();
    }
    longjmp(end_of_test, 1);
}

void hl_unity_fail(const char *file, int line, const char *format, ...) {
    printf("%s:%d:%s:FAIL", last_part(file), line, running_test ? running_test->name : "");
    if (format) {
        printf(": ");
        va_list arguments;
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
    }
    printf("\n");
    has_failed = true;
    leave_test();
}

void hl_unity_ignore(const char *file, int line, const char *message) {
    // TEST_PASS gives a negative line.
    if (line > 0) {
        printf("%s:%d:%s:IGNORE%s%s\n", last_part(file), line, running_test ? running_test->name : "",
               message ? ": " : "", message ? message : "");
        is_ignored = true;
    }
    leave_test();
}

void hl_unity_numbers(const char *file, int line, long long expected, long long actual, int comparison, int style,
                      const char *message) {
    static const char *const words[] = {"", "to be not equal to ", "to be greater than ", "to be less than ",
                                        "to be greater than or equal to ", "to be less than or equal to "};
    bool holds = comparison == HL_UNITY_EQUAL           ? actual == expected
                 : comparison == HL_UNITY_NOT_EQUAL     ? actual != expected
                 : comparison == HL_UNITY_GREATER       ? actual > expected
                 : comparison == HL_UNITY_LESS          ? actual < expected
                 : comparison == HL_UNITY_GREATER_EQUAL ? actual >= expected
                                                        : actual <= expected;
    if (holds)
        return;
    const char *separator = message ? ". " : "";
    if (!message)
        message = "";
    if (comparison != HL_UNITY_EQUAL)
        hl_unity_fail(file, line, "Expected %lld %s%lld%s%s", actual, words[comparison], expected, separator, message);
    else if (style == HL_UNITY_HEXADECIMAL)
        hl_unity_fail(file, line, "Expected 0x%08llX Was 0x%08llX%s%s", expected, actual, separator, message);
    else
        hl_unity_fail(file, line, "Expected %lld Was %lld%s%s", expected, actual, separator, message);
}

void hl_unity_within(const char *file, int line, long long delta, long long expected, long long actual,
                     const char *message) {
    long long distance = actual > expected ? actual - expected : expected - actual;
    if (distance > delta)
        hl_unity_fail(file, line, "Values Not Within Delta %lld Expected %lld Was %lld%s%s", delta, expected, actual,
                      message ? ". " : "", message ? message : "");
}

void hl_unity_strings(const char *file, int line, const char *expected, const char *actual, const char *message) {
    if (expected == actual || (expected && actual && strcmp(expected, actual) == 0))
        return;
    hl_unity_fail(file, line, "Expected '%s' Was '%s'%s%s", expected ? expected : "NULL", actual ? actual : "NULL",
                  message ? ". " : "", message ? message : "");
}

void hl_unity_memory(const char *file, int line, const void *expected, const void *actual, size_t element, size_t count,
                     const char *message) {
    for (size_t i = 0; i < count; i++) {
        if (memcmp((const char *)expected + i * element, (const char *)actual + i * element, element) != 0)
            hl_unity_fail(file, line, "Element %zu Memory Mismatch%s%s", i, message ? ". " : "", message ? message : "");
    }
}

static void run(const test_desc_t *test) {
    running_test = test;
    running_task = xTaskGetCurrentTaskHandle();
    has_failed = is_ignored = false;
    printf("Running %s...\n", test->name);
    if (setjmp(end_of_test) == 0) {
        setUp();
        test->fn();
    }
    if (setjmp(end_of_test) == 0 && !is_ignored)
        tearDown();
    tests_run++;
    if (has_failed)
        tests_failed++;
    else if (is_ignored)
        tests_ignored++;
    else
        printf("%s:%d:%s:PASS\n", last_part(test->file), test->line, test->name);
    fflush(stdout);
}

static bool is_chosen(const test_desc_t *test, const char *choice) {
    if (choice[0] == '!')
        return !strstr(test->desc, choice + 1);
    return choice[0] == '[' ? strstr(test->desc, choice) != NULL : strcmp(test->name, choice) == 0;
}

static void run_chosen(const char *const *choices, unsigned count) {
    tests_run = tests_failed = tests_ignored = 0;
    for (const test_desc_t *test = first_test; test; test = test->next) {
        // A case that is meant to reset the chip ends the program: it runs when it is asked for by name.
        bool chosen = count == 0 && !strstr(test->desc, "[reset=");
        if (count == 0 && !chosen)
            printf("Left out (resets the chip): %s\n", test->name);
        for (unsigned i = 0; i < count && !chosen; i++)
            chosen = is_chosen(test, choices[i]);
        if (chosen)
            run(test);
    }
    running_test = NULL;
    printf("\n-----------------------\n%u Tests %u Failures %u Ignored \n%s\n", tests_run, tests_failed,
           tests_ignored, tests_failed ? "FAIL" : "OK");
    if (tests_failed || tests_run == 0)
        hl_esp_set_status(2);
}

void unity_run_all_tests(void) {
    run_chosen(NULL, 0);
}

void unity_run_test_by_name(const char *name) {
    run_chosen(&name, 1);
}

void unity_run_tests_by_tag(const char *tag, bool invert) {
    char choice[128];
    snprintf(choice, sizeof choice, "%s%s", invert ? "!" : "", tag);
    const char *choices[] = {choice};
    run_chosen(choices, 1);
}

void unity_run_menu(void) {
    enum { MAXIMUM_CHOICES = 64 };
    const char *choices[MAXIMUM_CHOICES];
    unsigned count = 0;
    for (int i = 1; i < hl_esp_argument_count() && count < MAXIMUM_CHOICES; i++)
        choices[count++] = hl_esp_argument(i);
    run_chosen(choices, count);
}
