// SPDX-License-Identifier: Apache-2.0
//
// Every chip at every poisoning level: a million operations on its own heaps, malloc, calloc, realloc, aligned and free,
// up to 64 blocks of 1 to 400 bytes alive; on as many threads as the machine has cores, two at most.

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "chip.h"
#include "esp_heap_caps.h"
#include "figures.h"

enum { CHIPS = 12, LEVELS = 3, OPERATIONS = 1000000, SLOTS = 64, THREADS = 2 };

static const char *const chips[CHIPS] = {"esp32",   "esp32s2",  "esp32s3", "esp32c2",  "esp32c3", "esp32c5",
                                         "esp32c6", "esp32c61", "esp32h2", "esp32h21", "esp32h4", "esp32p4"};
static _Atomic int next_job;
static _Atomic uint64_t failures, unsound;

static void operate(const char *target, enum hl_poisoning poisoning) {
    struct measured_chip chip = measured_chip_make(target, poisoning, 0);
    void *live[SLOTS] = {0};
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < OPERATIONS; i++) {
        uint64_t drawn = figures_random(&random);
        void **slot = &live[drawn % SLOTS];
        size_t size = 1 + (drawn >> 32) % 400;
        unsigned kind = (drawn >> 16) % 16;
        if (*slot && kind < 3) {
            void *moved = heap_caps_realloc(*slot, size, MALLOC_CAP_DEFAULT);
            if (moved)
                *slot = moved;
            failures += !moved;
        } else if (*slot) {
            heap_caps_free(*slot);
            *slot = NULL;
        } else {
            *slot = kind < 12   ? heap_caps_malloc(size, MALLOC_CAP_DEFAULT)
                    : kind < 14 ? heap_caps_calloc(1, size, MALLOC_CAP_8BIT)
                                : heap_caps_aligned_alloc((size_t)8 << kind % 4, size, MALLOC_CAP_DEFAULT);
            failures += !*slot;
        }
    }
    for (int i = 0; i < SLOTS; i++)
        heap_caps_free(live[i]);
    char reason[128];
    unsound += !hl_chip_is_sound(chip.chip, reason, sizeof reason) || hl_chip_fault_count(chip.chip) != 0;
    measured_chip_end(chip);
}

static void *work(void *context) {
    (void)context;
    for (int job; (job = atomic_fetch_add(&next_job, 1)) < CHIPS * LEVELS;)
        operate(chips[job / LEVELS], (enum hl_poisoning)(job % LEVELS));
    return NULL;
}

void figures_chips(void) {
    double start = figures_now_ns();
    pthread_t threads[THREADS];
    int begun = 0;
    atomic_store(&next_job, 0);
    while (begun < THREADS && pthread_create(&threads[begun], NULL, work, NULL) == 0)
        begun++;
    if (begun == 0)
        work(NULL);
    for (int i = 0; i < begun; i++)
        pthread_join(threads[i], NULL);
    printf("chips: %d x %d levels x %d operations, %llu of them without room, %llu heaps damaged\n", CHIPS, LEVELS,
           OPERATIONS, (unsigned long long)failures, (unsigned long long)unsound);
    figures_judge("12 chips at 3 poisoning levels, a million operations each", (figures_now_ns() - start) / 1e9, 10, "s");
    figures_judge("heaps that are damaged afterwards", (double)unsound, 0, "");
}
