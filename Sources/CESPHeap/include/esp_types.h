// SPDX-License-Identifier: Apache-2.0
//
// Standard types, under the name ESP-IDF gives them.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
