// SPDX-License-Identifier: Apache-2.0
//
// Signal handlers that allocate: on the thread's stack and on an alternate one, raised, and by a timer that interrupts any
// instruction, the capture itself included.
#include "harness.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static volatile sig_atomic_t ticks;

__attribute__((noinline)) static void inside(int left) {
    if (left > 0) {
        inside(left - 1);
        harness_sink = left;
    } else {
        probe();
    }
}

static void on_raise(int number) {
    (void)number;
    inside(3);
    probe();
}

static void on_tick(int number) {
    (void)number;
    ticks++;
    inside(2);
}

__attribute__((noinline)) static int descend(int left) {
    if (left == 0) {
        raise(SIGUSR1);
        probe();
        return 0;
    }
    if (left % 4 == 0) {
        probe();
    }
    int result = descend(left - 1);
    harness_sink = result;
    return result + 1;
}

static void install(int number, void (*handler)(int), int flags) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags | SA_RESTART;
    sigaction(number, &action, NULL);
}

void victim_signals(int rounds) {
    stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
    sigaltstack(&stack, NULL);
    for (int i = 0; i < rounds; i++) {
        install(SIGUSR1, on_raise, i % 2 == 0 ? SA_ONSTACK : 0);
        descend((int)(harness_random() % 40));
    }
    install(SIGALRM, on_tick, SA_ONSTACK);
    // Once per descent: a timer that went off by itself could, on a slow machine, leave no time between two handlers.
    struct itimerval soon = {{0, 0}, {0, 50}};
    struct itimerval never = {{0, 0}, {0, 0}};
    for (int turn = 0; ticks < rounds && turn < 20000; turn++) {
        soon.it_value.tv_usec = 20 + (int)(harness_random() % 100);
        setitimer(ITIMER_REAL, &soon, NULL);
        descend((int)(harness_random() % 40));
    }
    setitimer(ITIMER_REAL, &never, NULL);
}
