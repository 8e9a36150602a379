// SPDX-License-Identifier: Apache-2.0
//
// Loops that differ in who frees, and in how much is alive.

#include "workload.h"

#include <pthread.h>
#include <string.h>

#define SLOTS 4096

static void *slots[SLOTS];

struct worker {
    pthread_t thread;
    uint64_t random, pairs;
};

// Puts each new block into a slot drawn at random and frees what was there: with n threads, n - 1 of n frees are of another
// thread's block.
static void *work(void *argument) {
    struct worker *worker = argument;
    for (uint64_t i = 0; i < worker->pairs; i++) {
        uint64_t drawn = workload_random(&worker->random);
        void *mine = malloc(16 + (drawn >> 32 & 255));
        // Release and acquire hand the block over.
        void *other = __atomic_exchange_n(&slots[drawn % SLOTS], mine, __ATOMIC_ACQ_REL);
        free(other);
    }
    return NULL;
}

uint64_t workload_threads(uint64_t events, uint64_t threads) {
    struct worker *workers = calloc(threads, sizeof *workers);
    if (!workers) exit(1);
    uint64_t pairs = events / 2 / threads;
    for (uint64_t i = 0; i < threads; i++) {
        workers[i].random = i;
        workers[i].pairs = pairs;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i])) exit(1);
    }
    for (uint64_t i = 0; i < threads; i++) pthread_join(workers[i].thread, NULL);
    for (int i = 0; i < SLOTS; i++) free(slots[i]);
    free(workers);
    return 2 * pairs * threads;
}

uint64_t workload_live(uint64_t events, uint64_t blocks) {
    void **live = calloc(blocks, sizeof *live);
    if (!live) exit(1);
    uint64_t random = 7;
    for (uint64_t i = 0; i < blocks; i++) live[i] = malloc(32);
    for (uint64_t i = 0; i < events / 2; i++) {
        void **slot = &live[workload_random(&random) % blocks];
        free(*slot);
        *slot = malloc(32);
    }
    for (uint64_t i = 0; i < blocks; i++) free(live[i]);
    free(live);
    return events / 2 * 2 + 2 * blocks;
}
