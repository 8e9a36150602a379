// SPDX-License-Identifier: Apache-2.0
//
// Threads: their outermost frames, all of them at once on one table, and what runs while they end.
#include "harness.h"

#include <pthread.h>

#define COUNT 8

static pthread_key_t key;

static void at_end(void *value) {
    (void)value;
    probe();
}

__attribute__((noinline)) static int tree(int left) {
    if (left == 0) {
        probe();
        return 0;
    }
    int result = harness_random() % 2 ? tree(left - 1) : tree(left - 1) + 1;
    harness_sink = result;
    return result + 1;
}

static void *run(void *argument) {
    harness_start_thread();
    harness_seed((uint64_t)(uintptr_t)argument);
    pthread_setspecific(key, argument);
    for (int i = 0; i < 50; i++) {
        tree((int)(harness_random() % 30));
    }
    return argument;
}

void victim_threads(int rounds) {
    pthread_key_create(&key, at_end);
    for (int round = 0; round < rounds; round += 20) {
        pthread_t threads[COUNT];
        for (uintptr_t i = 0; i < COUNT; i++) {
            pthread_create(&threads[i], NULL, run, (void *)(i + 1));
        }
        for (int i = 0; i < COUNT; i++) {
            pthread_join(threads[i], NULL);
        }
    }
}
