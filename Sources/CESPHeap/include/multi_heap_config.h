// SPDX-License-Identifier: Apache-2.0
//
// What ESP-IDF's multi_heap is compiled with, for tests that ask.

#pragma once

#include <sdkconfig.h>

#if CONFIG_HEAP_POISONING_LIGHT || CONFIG_HEAP_POISONING_COMPREHENSIVE
#define MULTI_HEAP_POISONING
#endif
#if CONFIG_HEAP_POISONING_COMPREHENSIVE
#define MULTI_HEAP_POISONING_SLOW
#endif
