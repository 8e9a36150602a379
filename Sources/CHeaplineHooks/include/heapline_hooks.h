// SPDX-License-Identifier: Apache-2.0
//
// Linking this target gives the program hooks for malloc and its family; there is nothing to call. Referring to this symbol keeps a
// linker from leaving them out of a static library.
#pragma once

#if defined(__cplusplus)
extern "C" {
#endif
extern const int hl_hooks_are_linked;
#if defined(__cplusplus)
}
#endif
