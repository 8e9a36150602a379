// SPDX-License-Identifier: Apache-2.0
//
// The older name of esp_memory_utils.h.

#pragma once

#include "esp_memory_utils.h"
#include "soc/soc.h"
