// SPDX-License-Identifier: Apache-2.0
//
// Frames of several shapes for debug_frame.c, each calling the next one inward; none takes more than 256 bytes of code.
#include <alloca.h>

#define SHAPE __attribute__((noinline, noclone, visibility("default"), aligned(256)))

static volatile int sink;

SHAPE void shape_saves(void (*call)(void), int a) { // preserved registers in use
    int b = a * 3, c = a * 5, d = a * 7;
    call();
    sink = a + b + c + d;
    call();
    sink += a * b - c * d;
}

SHAPE void shape_large(void (*call)(void), int a) {
    volatile char room[5000];
    room[a] = 1;
    shape_saves(call, a);
    sink = room[a];
}

SHAPE void shape_dynamic(void (*call)(void), int a) {
    volatile char *room = alloca((unsigned)a * 16);
    room[0] = 1;
    shape_large(call, a);
    sink = room[0];
}

SHAPE void shape_plain(void (*call)(void), int a) {
    shape_dynamic(call, a);
    sink = a;
}

SHAPE void debug_frame_enter(void (*call)(void), int a);
SHAPE void debug_frame_enter(void (*call)(void), int a) {
    shape_plain(call, a);
    sink = a + 1;
}
