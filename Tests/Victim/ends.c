// SPDX-License-Identifier: Apache-2.0
//
// destructors: allocations before main (constructor), at exit (atexit, destructor function), and at the end of a thread in a pthread key's
//   destructor, which asks to be called in every round: 1 + 1 + 1 + PTHREAD_DESTRUCTOR_ITERATIONS (4) = 7 of 88 bytes, none freed.
// killed N: N allocations, then SIGKILL to itself: N allocations, nothing freed, status: signal 9.
// exits HOW: 5 allocations, then `return`, `exit`, `_exit`, `quick_exit`, `abort`, `signal` or `thread` (exit from a second thread).

#include "victim.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int wanted; // a constructor cannot see argv; it allocates always, and only the size 88 counts

__attribute__((constructor)) static void before_main(void) {
    victim_allocate(88);
}

__attribute__((destructor)) static void after_main(void) {
    if (wanted) victim_allocate(88);
}

static void at_exit(void) {
    victim_allocate(88);
}

static pthread_key_t key;

static void at_thread_end(void *value) {
    victim_allocate(88);
    pthread_setspecific(key, value);
}

static void *thread(void *unused) {
    pthread_setspecific(key, &key);
    return unused;
}

int victim_destructors(int argc, char **argv) {
    (void)argc;
    (void)argv;
    wanted = 1;
    atexit(at_exit);
    pthread_key_create(&key, at_thread_end);
    pthread_t started;
    if (pthread_create(&started, NULL, thread, NULL)) return 1;
    pthread_join(started, NULL);
    return 0;
}

int victim_killed(int argc, char **argv) {
    long n = victim_number(argc, argv, 2, 1000);
    for (long i = 0; i < n; i++) victim_allocate(16);
    kill(getpid(), SIGKILL);
    return 1;
}

static void *exiting(void *unused) {
    exit(7);
    return unused;
}

int victim_exits(int argc, char **argv) {
    const char *how = argc > 2 ? argv[2] : "return";
    for (int i = 0; i < 5; i++) victim_allocate(16);
    if (!strcmp(how, "exit")) exit(7);
    if (!strcmp(how, "_exit")) _exit(7);
    if (!strcmp(how, "quick_exit")) quick_exit(7);
    if (!strcmp(how, "abort")) abort();
    if (!strcmp(how, "signal")) raise(SIGUSR1);
    if (!strcmp(how, "thread")) {
        pthread_t started;
        pthread_create(&started, NULL, exiting, NULL);
        pthread_join(started, NULL);
    }
    return 7;
}
