// SPDX-License-Identifier: Apache-2.0
//
// signals N: N signals raised, half of them handled on an alternate stack; each handler allocates and frees once,
//   and the program once in between: 2 * N allocations and frees.
// interrupted N: N allocations and frees while a timer interrupts the thread every 50 µs or so, wherever it is: the recorder's
//   sequences restart. The handler counts and does nothing else. N allocations and frees.

#include "victim.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static volatile sig_atomic_t handled;

static void allocating(int signal) {
    (void)signal;
    free(victim_allocate(56));
    handled++;
}

static void counting(int signal) {
    (void)signal;
    handled++;
}

int victim_signals(int argc, char **argv) {
    long n = victim_number(argc, argv, 2, 100);
    static char alternate[65536];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    sigaltstack(&stack, NULL);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = allocating;
    sigaction(SIGUSR1, &action, NULL);
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGUSR2, &action, NULL);
    for (long i = 0; i < n; i++) {
        raise(i % 2 ? SIGUSR1 : SIGUSR2);
        free(victim_allocate(72));
    }
    return handled == n ? 0 : 1;
}

int victim_interrupted(int argc, char **argv) {
    long n = victim_number(argc, argv, 2, 1000000);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = counting;
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = {{0, 50}, {0, 50}};
    setitimer(ITIMER_REAL, &timer, NULL);
    for (long i = 0; i < n; i++) free(victim_allocate(32));
    return 0;
}
