// SPDX-License-Identifier: Apache-2.0
//
// malloc and free on an emulated ESP32-S3 without poisoning, against glibc's. A pair is one malloc and one free.
//
//     same     a block of 64 bytes, freed at once
//     random   1 to 100 bytes, freed at once
//     mixed    256 slots; each step frees what a random slot holds and allocates 1 to 100 bytes for it
//
// A second thread was begun and ended before: a process without threads would spare glibc and the emulation work that
// firmware on two cores cannot be spared. Random numbers are drawn before, so the pairs are all that is timed; time is
// the thread's processor time, or whoever else uses the machine would be timed, too.

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "chip.h"
#include "esp_heap_caps.h"
#include "figures.h"

enum { PAIRS = 100000, SLOTS = 256, REGION = 1 << 20, LARGEST = 100 };
enum allocator { GLIBC, MULTI_HEAP, CAPS, ALLOCATORS };

static const char *const names[ALLOCATORS] = {"glibc", "multi_heap_malloc", "heap_caps_malloc"};
static multi_heap_handle_t region;
static uint8_t sizes[PAIRS], slots[PAIRS];
static void *live[ALLOCATORS][SLOTS];

static inline __attribute__((always_inline)) void *take(enum allocator allocator, size_t size) {
    switch (allocator) {
    case GLIBC:
        return malloc(size);
    case MULTI_HEAP:
        return multi_heap_malloc(region, size);
    default:
        return heap_caps_malloc(size, MALLOC_CAP_DEFAULT | MALLOC_CAP_INTERNAL);
    }
}

static inline __attribute__((always_inline)) void give(enum allocator allocator, void *block) {
    __asm__ volatile("" : : "r"(block) : "memory"); // or the compiler leaves glibc's pair out
    switch (allocator) {
    case GLIBC:
        free(block);
        break;
    case MULTI_HEAP:
        multi_heap_free(region, block);
        break;
    default:
        heap_caps_free(block);
    }
}

static inline __attribute__((always_inline)) double same(enum allocator allocator) {
    double start = figures_thread_ns();
    for (int i = 0; i < PAIRS; i++)
        give(allocator, take(allocator, 64));
    return (figures_thread_ns() - start) / (double)PAIRS;
}

static inline __attribute__((always_inline)) double random_sizes(enum allocator allocator) {
    double start = figures_thread_ns();
    for (int i = 0; i < PAIRS; i++)
        give(allocator, take(allocator, sizes[i]));
    return (figures_thread_ns() - start) / (double)PAIRS;
}

static inline __attribute__((always_inline)) double mixed(enum allocator allocator) {
    double start = figures_thread_ns();
    for (int i = 0; i < PAIRS; i++) {
        void **slot = &live[allocator][slots[i]];
        if (*slot)
            give(allocator, *slot);
        *slot = take(allocator, sizes[i]);
    }
    return (figures_thread_ns() - start) / (double)PAIRS;
}

// One function per allocator: its calls are direct.
#define LOOPS(allocator) {same_##allocator, random_##allocator, mixed_##allocator}
#define DEFINE_LOOPS(allocator)                                                                                       \
    static double same_##allocator(void) { return same(allocator); }                                                  \
    static double random_##allocator(void) { return random_sizes(allocator); }                                        \
    static double mixed_##allocator(void) { return mixed(allocator); }
DEFINE_LOOPS(GLIBC)
DEFINE_LOOPS(MULTI_HEAP)
DEFINE_LOOPS(CAPS)

enum { KINDS = 3 };
static const char *const kinds[KINDS] = {"same", "random", "mixed"};
static double (*const loops[ALLOCATORS][KINDS])(void) = {LOOPS(GLIBC), LOOPS(MULTI_HEAP), LOOPS(CAPS)};

static void *nothing(void *context) {
    return context;
}

void figures_pairs(int rounds) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, nothing, NULL) == 0)
        pthread_join(thread, NULL);
    struct measured_chip chip = measured_chip_make("esp32s3", HL_POISONING_NONE, 0);
    region = measured_region(chip, 0x20000000, REGION);
    struct figures times[ALLOCATORS][KINDS] = {0}, ratios[ALLOCATORS][KINDS] = {0};
    uint64_t random = 88172645463325252u;
    for (int round = -1; round < rounds; round++) {
        for (int i = 0; i < PAIRS; i++) {
            uint64_t drawn = figures_random(&random);
            sizes[i] = (uint8_t)(1 + (drawn >> 32) % LARGEST);
            slots[i] = (uint8_t)drawn;
        }
        for (int kind = 0; kind < KINDS; kind++) {
            double glibc = 1;
            for (int allocator = 0; allocator < ALLOCATORS; allocator++) {
                double time = loops[allocator][kind]();
                if (allocator == GLIBC)
                    glibc = time;
                if (round < 0) // warms up
                    continue;
                figures_add(&times[allocator][kind], time);
                figures_add(&ratios[allocator][kind], time / glibc);
            }
        }
    }
    for (int allocator = 0; allocator < ALLOCATORS; allocator++)
        for (int slot = 0; slot < SLOTS; slot++)
            if (live[allocator][slot])
                give((enum allocator)allocator, live[allocator][slot]);
    for (int kind = 0; kind < KINDS; kind++) {
        printf("%s: glibc %.1f ns\n", kinds[kind], figures_median(&times[GLIBC][kind]));
        for (int allocator = MULTI_HEAP; allocator < ALLOCATORS; allocator++) {
            char what[80];
            snprintf(what, sizeof what, "%s: %s and free", kinds[kind], names[allocator]);
            figures_judge(what, figures_median(&times[allocator][kind]), 40, "ns");
            snprintf(what, sizeof what, "%s: %s and free, times glibc's", kinds[kind], names[allocator]);
            double ratio = figures_median(&ratios[allocator][kind]);
            if (kind == 0)
                figures_judge(what, ratio, 2, "");
            else
                printf("%-66s %8.2f\n", what, ratio);
        }
    }
    measured_chip_end(chip);
}
