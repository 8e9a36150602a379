// SPDX-License-Identifier: Apache-2.0
//
// Running test cases.  Instead of a menu on a serial line, unity_run_menu takes its choice from the program's arguments:
// names, "[tags]" and "![tags]"; all cases without any.

#pragma once

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Runs the chosen test cases, prints a line for each and a summary.  The program ends with status 2 if any failed.
void unity_run_menu(void);
void unity_run_all_tests(void);
void unity_run_test_by_name(const char *name);
void unity_run_tests_by_tag(const char *tag, bool invert);

#ifdef __cplusplus
}
#endif
