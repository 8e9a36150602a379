// SPDX-License-Identifier: Apache-2.0
//
// Being steered from outside: see struct hl_control.
#pragma once

// Begins to listen, once for each process image, when its recording begins. Nothing happens when the program uses all real-time signals.
void hl_answer_start(void);
// Says in the process file which signal is listened to: it is new.
void hl_answer_announce(void);
