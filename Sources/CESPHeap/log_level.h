// SPDX-License-Identifier: Apache-2.0
//
// The level of the log line that the calling thread is writing, for outputs that get nothing but its text (esp_log.c).

#ifndef HL_LOG_LEVEL_H
#define HL_LOG_LEVEL_H

// As esp_log_level_t; 0 outside of a log line.
extern _Thread_local unsigned hl_log_level_here __attribute__((tls_model("initial-exec")));

#endif
