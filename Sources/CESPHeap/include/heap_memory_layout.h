// SPDX-License-Identifier: Apache-2.0
//
// Number of priorities a memory type has capabilities for.

#pragma once

#define SOC_MEMORY_TYPE_NO_PRIOS 3
