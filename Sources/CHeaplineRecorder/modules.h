// SPDX-License-Identifier: Apache-2.0
//
// Which libraries are mapped where, noted as they come and go.
#pragma once

// Compares the program's modules with those noted and notes the difference. Cheap when nothing changed.
void hl_modules_refresh(void);
// Notes everything anew: the process file is new.
void hl_modules_reset(void);
