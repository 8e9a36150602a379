// SPDX-License-Identifier: Apache-2.0
//
// A library for modules.c; FRAME is the size of its frame.
void module_enter(void (*call)(void));
static volatile int sink;

__attribute__((aligned(64))) void module_enter(void (*call)(void)) {
    volatile char bytes[FRAME];
    bytes[0] = 1;
    call();
    sink = bytes[0];
}
