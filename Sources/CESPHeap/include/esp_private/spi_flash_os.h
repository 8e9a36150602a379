// SPDX-License-Identifier: Apache-2.0
//
// Switching the flash cache off and on: there is none, so nothing happens.

#pragma once

typedef struct {
    void (*start)(void);
    void (*end)(void);
} spi_flash_guard_funcs_t;

static inline void hl_spi_flash_nothing(void) {
}

static inline const spi_flash_guard_funcs_t *spi_flash_guard_get(void) {
    static const spi_flash_guard_funcs_t guard = {hl_spi_flash_nothing, hl_spi_flash_nothing};
    return &guard;
}
