// SPDX-License-Identifier: Apache-2.0
//
// Placement attributes.  Code and static data of firmware lie in host memory, so all of them are empty.

#pragma once

#define IRAM_ATTR
#define DRAM_ATTR
#define IRAM_BSS_ATTR
#define DMA_ATTR
#define WORD_ALIGNED_ATTR __attribute__((aligned(4)))
#define EXT_RAM_ATTR
#define EXT_RAM_BSS_ATTR
#define EXT_RAM_NOINIT_ATTR
#define RTC_IRAM_ATTR
#define RTC_DATA_ATTR
#define RTC_RODATA_ATTR
#define RTC_SLOW_ATTR
#define RTC_FAST_ATTR
#define RTC_NOINIT_ATTR
#define NOINIT_ATTR
#define COREDUMP_IRAM_ATTR
#define COREDUMP_DRAM_ATTR
#define FORCE_INLINE_ATTR static inline __attribute__((always_inline))
#define NOINLINE_ATTR __attribute__((noinline))
#define DRAM_STR(text) (text)
#define IDF_DEPRECATED(reason) __attribute__((deprecated(reason)))
