// SPDX-License-Identifier: Apache-2.0
//
// See include/tlsf.h.

#pragma once

#include "include/tlsf.h"
