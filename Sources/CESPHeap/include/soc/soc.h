// SPDX-License-Identifier: Apache-2.0
//
// Address ranges of the current chip.  On the target these are constants; here they are asked of the chip that runs.

#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

intptr_t hl_soc_dram_low(void);
intptr_t hl_soc_dram_high(void);
intptr_t hl_soc_rtc_data_low(void);
intptr_t hl_soc_rtc_data_high(void);

#define SOC_DRAM_LOW hl_soc_dram_low()
#define SOC_DRAM_HIGH hl_soc_dram_high()
#define SOC_RTC_DATA_LOW hl_soc_rtc_data_low()
#define SOC_RTC_DATA_HIGH hl_soc_rtc_data_high()

#ifdef __cplusplus
}
#endif
