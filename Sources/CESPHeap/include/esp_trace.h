// SPDX-License-Identifier: Apache-2.0
//
// What a program says about the trace it wants (v6.0 and later).  The emulation always records for SystemView; the
// parameters are accepted and not needed.

#pragma once

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const void *core_cfg;
    const char *encoder_name;
    const void *encoder_cfg;
    const char *transport_name;
    const void *transport_cfg;
} esp_trace_open_params_t;

/// Given by the program.
esp_trace_open_params_t esp_trace_get_user_params(void);

#ifdef __cplusplus
}
#endif
