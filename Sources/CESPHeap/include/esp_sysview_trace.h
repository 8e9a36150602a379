// SPDX-License-Identifier: Apache-2.0
//
// The name the SystemView module's header had up to ESP-IDF v5.5.

#pragma once

#include "esp_sysview_heap_trace_module.h"
