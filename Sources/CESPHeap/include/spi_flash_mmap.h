// SPDX-License-Identifier: Apache-2.0
//
// Flash is not emulated; firmware includes this for the functions of esp_private/spi_flash_os.h.

#pragma once
