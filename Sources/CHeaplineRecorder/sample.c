// SPDX-License-Identifier: Apache-2.0
//
// Mode sample: a Poisson process over allocated bytes. Each byte is drawn with probability 1/mean, independently; a block is
// recorded when at least one of its bytes was. A block of s bytes is thus seen with probability 1 - exp(-s/mean), and counting
// it 1 / (that) times gives unbiased sums (the reader does; see Model).
//
// Frees must be told apart cheaply: a filter of 2^16 counters says "surely not sampled" for nearly all of them, and an exact
// set of sampled blocks that are alive settles the rest. A counter is raised before its block is handed out and lowered after it
// left the set, so it is never too low; one that has reached its highest value stays there.

#include "record.h"
#include "platform.h"
#include "sample.h"

#include <string.h>

#define SETS 16384u
#define WAYS 8u

uint8_t hl_sample_filter[HL_SAMPLE_COUNTERS] __attribute__((aligned(4096)));
static uint64_t (*live)[WAYS]; // sampled blocks alive, by hash; 0 is free. Entries change by compare-exchange.

int hl_sample_start(void) {
    if (!live) live = hl_platform_map(SETS * WAYS * sizeof(uint64_t));
    return live ? 0 : -1;
}

// -mean * ln(u) for a random u in (0, 1], without libm: ln m = 2 atanh z with z = (m - 1) / (m + 1), whose series up to
// z^9 is within 1e-6 for the mantissas m in [1, 2).
static int64_t next_distance(struct hl_thread *self) {
    uint64_t x = self->random; // xorshift64*, Vigna 2016
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    self->random = x;
    uint64_t bits = (x * 2685821657736338717u >> 11) | 1; // 53 random bits, not 0
    int shift = __builtin_clzll(bits) - 11;
    double mantissa = (double)(bits << shift) * 0x1p-52; // [1, 2)
    double z = (mantissa - 1) / (mantissa + 1), zz = z * z;
    double ln = 2 * z * (1 + zz * (1.0 / 3 + zz * (1.0 / 5 + zz * (1.0 / 7 + zz / 9))));
    double distance = (shift + 1) * 0.6931471805599453 - ln;
    return (int64_t)(distance * (double)hl_recorder.sample_bytes) + 1;
}

static uint32_t set_of(uint64_t address) {
    return (uint32_t)(address * 0x9e3779b97f4a7c15u >> 50) % SETS;
}

static void change_counter(uint64_t address, int by) {
    uint8_t *counter = hl_sample_counter(address), before = hl_load_relaxed(counter);
    // Relaxed would do: the entry's own exchange orders it.
    while (before != UINT8_MAX && !hl_cas(counter, &before, (uint8_t)(before + by))) continue;
}

HL_SLOW int hl_sample_take(struct hl_thread *self, uint64_t address, uint64_t size) {
    (void)size;
    if (!self->sampling) { // the thread's first allocation only draws the first distance
        self->sampling = 1;
        self->until_sample += next_distance(self);
        if (self->until_sample > 0) return 0;
    }
    while (self->until_sample <= 0) self->until_sample += next_distance(self);
    uint64_t(*set)[WAYS] = &live[set_of(address)];
    change_counter(address, 1);
    for (uint32_t i = 0; i < WAYS; i++) {
        uint64_t nobody = 0;
        // The exchange's release pairs with the program's own handing over of the block to whoever frees it.
        if ((*set)[i] == 0 && hl_cas(&(*set)[i], &nobody, address)) return 1;
    }
    change_counter(address, -1);
    hl_add_relaxed(&hl_recorder.process->lost[HL_LOSS_FULL], (uint64_t)1);
    return 0;
}

HL_SLOW int hl_sample_drop(uint64_t address) {
    uint64_t(*set)[WAYS] = &live[set_of(address)];
    for (uint32_t i = 0; i < WAYS; i++) {
        uint64_t entry = hl_load_relaxed(&(*set)[i]);
        if (entry == address && hl_cas(&(*set)[i], &entry, (uint64_t)0)) {
            change_counter(address, -1); // after the exchange
            return 1;
        }
    }
    return 0;
}
