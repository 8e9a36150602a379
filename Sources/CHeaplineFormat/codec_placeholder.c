// SPDX-License-Identifier: Apache-2.0
#include "heapline_codec.h"
