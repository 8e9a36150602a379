// SPDX-License-Identifier: Apache-2.0
//
// Frames that are left without returning: setjmp and longjmp, from plain calls and out of a signal handler.
#include "harness.h"

#include <setjmp.h>
#include <signal.h>
#include <string.h>

static jmp_buf target;
static sigjmp_buf signal_target;

__attribute__((noinline)) static int descend(int left) {
    if (harness_random() % 3 == 0) {
        probe();
    }
    if (left == 0) {
        longjmp(target, 1);
    }
    int result = descend(left - 1);
    harness_sink = result;
    return result + 1;
}

__attribute__((noinline)) static void round_of(int left) {
    volatile int again = 2;
    if (setjmp(target) == 0 || again-- > 0) {
        probe();
        descend(left);
    }
    probe();
}

static void on_signal(int number) {
    (void)number;
    probe();
    siglongjmp(signal_target, 1);
}

__attribute__((noinline)) static void raise_deep(int left) {
    if (left > 0) {
        raise_deep(left - 1);
        harness_sink = left;
    } else {
        raise(SIGUSR2);
    }
}

void victim_jumps(int rounds) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGUSR2, &action, NULL);
    for (int i = 0; i < rounds; i++) {
        round_of((int)(harness_random() % 30));
        if (sigsetjmp(signal_target, 1) == 0) {
            raise_deep((int)(harness_random() % 20));
        }
        probe();
    }
}
