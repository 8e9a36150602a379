// SPDX-License-Identifier: Apache-2.0
//
// TLSF's promise: a cost that depends neither on the size of a region nor on its state. Regions from 16 KiB to 16 MiB, empty
// and fragmented: filled to 80 % with blocks of 1 to 100 bytes, of which every second one is freed again. In each:
//
//     same     a pair of malloc and free, 64 bytes
//     random   a pair, 1 to 64 bytes
//     mixed    16 slots; each step frees what a random one holds and allocates 1 to 64 bytes for it
//
// `same` is what is judged. The others do more work in an empty region, where nearly each block is cut from a larger one
// and merged with it again; in a fragmented one nearly each finds a hole of its size. The component's own TLSF has that
// difference, too: they are judged by never becoming dearer.
//
// Between two rounds the other regions were used, so that no region has the caches to itself longer than another. Time is
// the thread's processor time.

#include <stdio.h>
#include <stdlib.h>

#include "chip.h"
#include "figures.h"

enum { STEPS = 20000, SLOTS = 16, SIZES = 6, STATES = 2 };

static const size_t region_bytes[SIZES] = {16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20};

static void fragment(multi_heap_handle_t heap, size_t bytes) {
    uint64_t random = 1;
    size_t most = bytes / 16, count = 0, taken = 0;
    void **blocks = calloc(most, sizeof *blocks);
    while (blocks && count < most && taken < bytes / 5 * 4) {
        size_t size = 1 + figures_random(&random) % 100;
        void *block = multi_heap_malloc(heap, size);
        if (!block)
            break;
        taken += size + 4;
        blocks[count++] = block;
    }
    for (size_t i = 0; i < count; i += 2)
        multi_heap_free(heap, blocks[i]);
    free(blocks);
}

static double same(multi_heap_handle_t heap, uint64_t seed) {
    (void)seed;
    double start = figures_thread_ns();
    for (int i = 0; i < STEPS; i++)
        multi_heap_free(heap, multi_heap_malloc(heap, 64));
    return (figures_thread_ns() - start) / (double)STEPS;
}

static double random_sizes(multi_heap_handle_t heap, uint64_t seed) {
    double start = figures_thread_ns();
    for (int i = 0; i < STEPS; i++)
        multi_heap_free(heap, multi_heap_malloc(heap, 1 + (figures_random(&seed) >> 32) % 64));
    return (figures_thread_ns() - start) / (double)STEPS;
}

static double mixed(multi_heap_handle_t heap, uint64_t seed) {
    void *live[SLOTS] = {0};
    double start = figures_thread_ns();
    for (int i = 0; i < STEPS; i++) {
        uint64_t drawn = figures_random(&seed);
        void **slot = &live[drawn % SLOTS];
        if (*slot)
            multi_heap_free(heap, *slot);
        *slot = multi_heap_malloc(heap, 1 + (drawn >> 32) % 64);
    }
    double time = (figures_thread_ns() - start) / (double)STEPS;
    for (int i = 0; i < SLOTS; i++)
        multi_heap_free(heap, live[i]);
    return time;
}

enum { KINDS = 3 };
static const char *const kinds[KINDS] = {"same", "random", "mixed"};
static double (*const loops[KINDS])(multi_heap_handle_t, uint64_t) = {same, random_sizes, mixed};

static void one_kind(multi_heap_handle_t heaps[SIZES][STATES], int kind, int rounds) {
    struct figures times[SIZES][STATES] = {0}, ratio = {0}, spread = {0};
    for (int round = -1; round < rounds; round++) {
        double first = 1, last = 1, least = 1e9, most = 0;
        for (int size = 0; size < SIZES; size++)
            for (int state = 0; state < STATES; state++) {
                double time = loops[kind](heaps[size][state], (uint64_t)(round + 2));
                if (round >= 0)
                    figures_add(&times[size][state], time);
                first = size == 0 && state == 0 ? time : first;
                least = time < least ? time : least;
                most = time > most ? time : most;
                last = time;
            }
        if (round >= 0) {
            figures_add(&ratio, last / first);
            figures_add(&spread, most / least);
        }
    }
    for (int size = 0; size < SIZES; size++)
        printf("%s: region of %5zu KiB: empty %5.1f ns, fragmented %5.1f ns\n", kinds[kind], region_bytes[size] >> 10,
               figures_median(&times[size][0]), figures_median(&times[size][1]));
    char what[80];
    snprintf(what, sizeof what, "%s: fragmented 16 MiB, times an empty 16 KiB", kinds[kind]);
    figures_judge(what, figures_median(&ratio), 1.5, "");
    snprintf(what, sizeof what, "%s: dearest region, times the cheapest", kinds[kind]);
    if (kind == 0)
        figures_judge(what, figures_median(&spread), 1.5, "");
    else
        printf("%-66s %8.2f\n", what, figures_median(&spread));
}

void figures_curve(int rounds) {
    struct measured_chip chip = measured_chip_make("esp32s3", HL_POISONING_NONE, 0);
    multi_heap_handle_t heaps[SIZES][STATES];
    uint32_t start = 0x20000000;
    for (int size = 0; size < SIZES; size++) {
        for (int state = 0; state < STATES; state++, start += 16 << 20)
            heaps[size][state] = measured_region(chip, start, region_bytes[size]);
        fragment(heaps[size][1], region_bytes[size]);
    }
    for (int kind = 0; kind < KINDS; kind++)
        one_kind(heaps, kind, rounds);
    measured_chip_end(chip);
}
