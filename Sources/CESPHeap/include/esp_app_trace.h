// SPDX-License-Identifier: Apache-2.0
//
// Application tracing, as far as examples of heap tracing name it.  There is no JTAG host here: what is written is dropped,
// and the functions say so.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { ESP_APPTRACE_DEST_JTAG, ESP_APPTRACE_DEST_UART, ESP_APPTRACE_DEST_NUM } esp_apptrace_dest_t;

#define ESP_APPTRACE_TMO_INFINITE ((uint32_t)-1)

/// Always false.
static inline bool esp_apptrace_host_is_connected(esp_apptrace_dest_t destination) {
    (void)destination;
    return false;
}

#ifdef __cplusplus
}
#endif
