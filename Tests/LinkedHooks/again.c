// SPDX-License-Identifier: Apache-2.0
//
// twice: four threads stay alive over two recordings. TRACE.1: each 1,000 blocks of 32 bytes, freed. Unrecorded: each 500.
// TRACE.2: the last thread ends without having done anything in it; the other three 700 blocks each of 48 bytes, freed.
// busy: four threads allocate and free all the time, over 8 recordings, TRACE.1 to TRACE.8, each with 10,000 blocks of 48 bytes: every one adds up.

#include "linked.h"

#include <pthread.h>
#include <stdio.h>

#define THREADS 4
static pthread_barrier_t all, three; // with the main thread; `three` without the last
static int over;

static void *worker(void *context) {
    int last = context != NULL;
    pthread_barrier_wait(&all);
    linked_blocks(1000, 32, 0);
    pthread_barrier_wait(&all);
    pthread_barrier_wait(&all); // stopped
    linked_blocks(500, 40, 0);
    pthread_barrier_wait(&all);
    pthread_barrier_wait(&all); // started
    if (last) return NULL;
    linked_blocks(700, 48, 0);
    pthread_barrier_wait(&three);
    pthread_barrier_wait(&three); // stopped
    return NULL;
}

static const char *numbered(const struct linked *linked, int number) {
    static char path[4096];
    snprintf(path, sizeof path, "%s.%d", linked->trace, number);
    return path;
}

int linked_twice(const struct linked *linked) {
    pthread_t threads[THREADS];
    pthread_barrier_init(&all, NULL, THREADS + 1);
    pthread_barrier_init(&three, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        linked_require(pthread_create(&threads[i], NULL, worker, i == THREADS - 1 ? &over : NULL) == 0, 1);
    linked_require(hl_start(&linked->options) == 0, 2);
    pthread_barrier_wait(&all);
    pthread_barrier_wait(&all);
    linked_require(linked_finish(numbered(linked, 1)) == 0, 3);
    pthread_barrier_wait(&all);
    pthread_barrier_wait(&all);
    linked_require(hl_start(&linked->options) == 0, 4);
    pthread_barrier_wait(&all);
    pthread_join(threads[THREADS - 1], NULL);
    pthread_barrier_wait(&three);
    linked_require(linked_finish(numbered(linked, 2)) == 0, 5);
    pthread_barrier_wait(&three);
    for (int i = 0; i < THREADS - 1; i++) pthread_join(threads[i], NULL);
    return 0;
}

static void *busy(void *context) {
    (void)context;
    while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) linked_blocks(100, 64, 0);
    return NULL;
}

int linked_busy(const struct linked *linked) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) linked_require(pthread_create(&threads[i], NULL, busy, NULL) == 0, 1);
    for (int i = 1; i <= 8; i++) {
        linked_require(hl_start(&linked->options) == 0, 2);
        linked_blocks(10000, 48, 0);
        linked_require(linked_finish(numbered(linked, i)) == 0, 3);
    }
    __atomic_store_n(&over, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    return 0;
}
