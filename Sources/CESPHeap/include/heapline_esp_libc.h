// SPDX-License-Identifier: Apache-2.0
//
// What the chip's C library has and an older one of the host lacks.  Included before firmware sources (-include).

#pragma once

#include <features.h>
#include <stddef.h>

#if defined(__GLIBC__) && !__GLIBC_PREREQ(2, 38)
#ifdef __cplusplus
extern "C" {
#endif
size_t strlcpy(char *to, const char *from, size_t size);
size_t strlcat(char *to, const char *from, size_t size);
#ifdef __cplusplus
}
#endif
#endif
