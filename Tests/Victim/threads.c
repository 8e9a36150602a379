// SPDX-License-Identifier: Apache-2.0
//
// threads T N: T threads, started and ended in rows of 20, each allocates and frees N blocks: T * N of each.
// cross N: one thread allocates N blocks, another frees them: N of each, no block freed by its allocator.

#include "victim.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static long blocks;

static void *allocate_and_free(void *unused) {
    for (long i = 0; i < blocks; i++) free(victim_allocate(32));
    return unused;
}

int victim_threads(int argc, char **argv) {
    long threads = victim_number(argc, argv, 2, 200);
    blocks = victim_number(argc, argv, 3, 100);
    pthread_t row[20];
    for (long done = 0; done < threads; done += 20) {
        long count = threads - done < 20 ? threads - done : 20;
        for (long i = 0; i < count; i++)
            if (pthread_create(&row[i], NULL, allocate_and_free, NULL)) return 1;
        for (long i = 0; i < count; i++) pthread_join(row[i], NULL);
    }
    return 0;
}

static _Atomic(void *) slots[1024];

static void *allocate_all(void *unused) {
    for (long i = 0; i < blocks; i++) {
        void *block = victim_allocate(48);
        while (atomic_load(&slots[i % 1024])) {
        }
        atomic_store(&slots[i % 1024], block);
    }
    return unused;
}

static void *free_all(void *unused) {
    for (long i = 0; i < blocks; i++) {
        void *block;
        while (!(block = atomic_exchange(&slots[i % 1024], NULL))) {
        }
        free(block);
    }
    return unused;
}

int victim_cross(int argc, char **argv) {
    blocks = victim_number(argc, argv, 2, 10000);
    pthread_t from, to;
    pthread_create(&from, NULL, allocate_all, NULL);
    pthread_create(&to, NULL, free_all, NULL);
    pthread_join(from, NULL);
    pthread_join(to, NULL);
    return 0;
}
