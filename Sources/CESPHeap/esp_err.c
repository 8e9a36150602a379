// SPDX-License-Identifier: Apache-2.0
//
// Names of the error codes, and what the checking macros call.

#include "esp_err.h"

#include <stdlib.h>

#include "chip.h"
#include "port.h"

#include <stdio.h>

const char *esp_err_to_name(esp_err_t code) {
    switch (code) {
    case ESP_OK:
        return "ESP_OK";
    case ESP_FAIL:
        return "ESP_FAIL";
    case ESP_ERR_NO_MEM:
        return "ESP_ERR_NO_MEM";
    case ESP_ERR_INVALID_ARG:
        return "ESP_ERR_INVALID_ARG";
    case ESP_ERR_INVALID_STATE:
        return "ESP_ERR_INVALID_STATE";
    case ESP_ERR_INVALID_SIZE:
        return "ESP_ERR_INVALID_SIZE";
    case ESP_ERR_NOT_FOUND:
        return "ESP_ERR_NOT_FOUND";
    case ESP_ERR_NOT_SUPPORTED:
        return "ESP_ERR_NOT_SUPPORTED";
    case ESP_ERR_TIMEOUT:
        return "ESP_ERR_TIMEOUT";
    case ESP_ERR_INVALID_RESPONSE:
        return "ESP_ERR_INVALID_RESPONSE";
    case ESP_ERR_INVALID_CRC:
        return "ESP_ERR_INVALID_CRC";
    case ESP_ERR_INVALID_VERSION:
        return "ESP_ERR_INVALID_VERSION";
    case ESP_ERR_INVALID_MAC:
        return "ESP_ERR_INVALID_MAC";
    case ESP_ERR_NOT_FINISHED:
        return "ESP_ERR_NOT_FINISHED";
    case ESP_ERR_NOT_ALLOWED:
        return "ESP_ERR_NOT_ALLOWED";
    default:
        return "UNKNOWN ERROR";
    }
}

static void print_failure(const char *macro, esp_err_t code, const char *file, int line,
                          const char *function, const char *expression) {
    char text[400];
    snprintf(text, sizeof text,
             "%s failed: esp_err_t 0x%x (%s)\nfile: \"%s\" line %d\nfunc: %s\nexpression: %s\n",
             macro, (unsigned)code, esp_err_to_name(code), file, line, function, expression);
    struct hl_chip *chip = hl_chip_current();
    if (chip)
        hl_print(chip, "%s", text);
    else
        fputs(text, stderr);
}

void _esp_error_check_failed_without_abort(esp_err_t code, const char *file, int line,
                                           const char *function, const char *expression) {
    print_failure("ESP_ERROR_CHECK_WITHOUT_ABORT", code, file, line, function, expression);
}

void _esp_error_check_failed(esp_err_t code, const char *file, int line, const char *function,
                             const char *expression) {
    print_failure("ESP_ERROR_CHECK", code, file, line, function, expression);
    abort();
}
