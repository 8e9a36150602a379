// SPDX-License-Identifier: Apache-2.0
//
// Whole stacks to ids: a stack seen before costs one line, whatever its depth. A cache in front of intern.c's nodes;
// a line may be overwritten, and when three quarters of them are taken, or were overwritten, a cache twice as large is put in place of
// this one: kept so full that thousands of stacks fit the processor's second-level cache beside what the program has there.
//
// A line holds no frames but a hash of them, made with keys that the kernel drew for this process. First NH (Black, Halevi, Krawczyk,
// Krovetz, Rogaway: UMAC, 1999) with words of 64 bits, then a multilinear hash (Lemire, Kaser: Strongly universal string hashing is
// fast, 2014) of its two halves and of what stands beside the frames, `what` = epoch, root and number of frames:
//
//   sum = Σ (pc[2i] + key[2i] mod 2^64) (pc[2i+1] + key[2i+1] mod 2^64)  mod 2^128
//   tag = (A + B low(sum) + C high(sum) + D what  mod 2^128) / 2^64
//
// Whatever the two stacks, if they differ, their tags are equal for at most one in 2^63 of all choices of keys: their sums are for one
// in 2^64, if they are of the same length, and two different (sum, what) have the same tag for one in 2^64. A lookup compares a stack with
// LINE_PROBES others and with nothing else. So a process that captures 10^10 stacks, at hundreds of nanoseconds each, gives one of them
// another's id with a probability below 10^10 LINE_PROBES / 2^63 = 10^-8, which is orders of magnitude below that of its
// memory erring in the same time. Where the kernel gives no random numbers nothing is cached.
//
// Threads read and write lines without waiting for each other. A line is two words, `is` and `mixed` = tag xor `is`: words that
// were not written together give the xor of one tag with two ids, which is a third stack's tag for one in 2^64 choices of keys again.
#include "stack_memo.h"
#include "platform.h"

#define KEYS 512u // frames that a sum can take in
#define FIRST_LINES 1024u // 16 KiB
#define GROWTH 2u
#define TOUCHED_LINES (1u << 16)
#define LINES_MOST (1u << 20)
#define LINE_PROBES 8u

struct line {
    uint64_t mixed; // tag xor `is`
    uint64_t is;    // (epoch << 32) | id; 0: empty
};
_Static_assert(sizeof(struct line) == 16, "four to a cache line");

struct cache {
    _Alignas(64) uint64_t mask; // lines - 1
    uint64_t taken;             // lines filled or overwritten; relaxed, only to know when to grow
    _Alignas(64) struct line lines[]; // in sets of LINE_PROBES
};

static struct {
    uint64_t frames[KEYS];
    unsigned __int128 tag[4];
} keys;

static struct cache *current;

static size_t lines_bytes(uint64_t lines) {
    return lines * sizeof(struct line);
}

static struct cache *cache_make(uint64_t lines) {
    struct cache *cache = hl_platform_map_table(sizeof *cache, lines_bytes(lines));
    if (cache != NULL) {
        if (lines <= TOUCHED_LINES) {
            hl_platform_touch(cache->lines, lines_bytes(lines)); // used in no order
        }
        cache->mask = lines - 1;
    }
    return cache;
}

void hl_stack_cache_start(void) {
    struct cache *cache = current;
    if (cache != NULL) { // of an earlier recording
        hl_platform_wipe(cache->lines, lines_bytes(cache->mask + 1));
        cache->taken = 0;
        return;
    }
    if (!hl_platform_random(&keys, sizeof keys)) {
        return;
    }
    // Release: pairs with the acquire in hl_stack_find, which then sees keys and mask.
    __atomic_store_n(&current, cache_make(FIRST_LINES), __ATOMIC_RELEASE);
}

static inline unsigned __int128 product(const uint64_t *pcs, uint32_t i) {
    return (unsigned __int128)(pcs[i] + keys.frames[i]) * (pcs[i + 1] + keys.frames[i + 1]);
}

static inline uint64_t tag_of(const uint64_t *pcs, uint32_t count, uint64_t what) {
    unsigned __int128 sum = 0;
    uint32_t i = 0;
    for (; i + 3 < count; i += 4) {
        sum += product(pcs, i);
        sum += product(pcs, i + 2);
    }
    if (i + 1 < count) {
        sum += product(pcs, i);
        i += 2;
    }
    if (i < count) { // as if a 0 followed; KEYS is even
        sum += (unsigned __int128)(pcs[i] + keys.frames[i]) * keys.frames[i + 1];
    }
    return (uint64_t)((keys.tag[0] + keys.tag[1] * (uint64_t)sum + keys.tag[2] * (uint64_t)(sum >> 64) + keys.tag[3] * what) >>
                      64);
}

// The `probe`th line in which a stack may lie: one set, from a place of its own on, first those in the same cache line.
static inline struct line *line_of(struct cache *cache, uint64_t tag, uint64_t probe) {
    return &cache->lines[(tag & cache->mask) ^ probe];
}

// Relaxed, here and below: what two words say together is told by themselves, and an id is only handed on.
uint32_t hl_stack_find(const uint64_t *pcs, uint32_t count, uint32_t root, uint32_t epoch,
                       struct hl_stack_sum *sum) {
    // Acquire: pairs with cache_grow and hl_stack_cache_start.
    struct cache *cache = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
    sum->tag = 0;
    sum->epoch = epoch;
    if (HL_UNWIND_UNLIKELY(cache == NULL || count > KEYS)) {
        return 0;
    }
    uint64_t tag = sum->tag = tag_of(pcs, count, (uint64_t)epoch << 32 | root << 16 | count);
    for (uint32_t i = 0; i < LINE_PROBES; i++) {
        const struct line *line = line_of(cache, tag, i);
        uint64_t is = __atomic_load_n(&line->is, __ATOMIC_RELAXED);
        if (HL_UNWIND_LIKELY((__atomic_load_n(&line->mixed, __ATOMIC_RELAXED) ^ is) == tag)) {
            return (uint32_t)is;
        }
        if (is == 0) { // lines are never emptied, and of a set the first empty one is filled
            return 0;
        }
    }
    return 0;
}

// The line in which a stack is to be put: of its set the first empty one, or of no use any more, or else any.
static struct line *line_for(struct cache *cache, uint64_t tag, uint32_t epoch) {
    for (uint32_t i = 0; i < LINE_PROBES; i++) {
        struct line *line = line_of(cache, tag, i);
        uint64_t is = __atomic_load_n(&line->is, __ATOMIC_RELAXED);
        if (is == 0 || is >> 32 != epoch) {
            return line;
        }
    }
    return line_of(cache, tag, (tag >> 32) % LINE_PROBES);
}

// Puts a larger cache in place of `cache`, with what that holds. The old one stays mapped, a thread may still be in it.
HL_UNWIND_SLOW static void cache_grow(struct cache *cache) {
    uint64_t lines = (cache->mask + 1) * GROWTH;
    // Relaxed: only saves making a cache in vain.
    if (lines > LINES_MOST || __atomic_load_n(&current, __ATOMIC_RELAXED) != cache) {
        return;
    }
    struct cache *larger = cache_make(lines);
    if (larger == NULL) {
        return;
    }
    for (uint64_t i = 0; i <= cache->mask; i++) {
        const struct line *from = &cache->lines[i];
        uint64_t is = __atomic_load_n(&from->is, __ATOMIC_RELAXED);
        uint64_t mixed = __atomic_load_n(&from->mixed, __ATOMIC_RELAXED);
        if (is != 0) {
            struct line *to = line_for(larger, mixed ^ is, (uint32_t)(is >> 32));
            larger->taken += to->is == 0; // nobody else sees it yet
            *to = (struct line){.mixed = mixed, .is = is};
        }
    }
    // Release: whoever sees the new cache sees its mask and its lines.
    if (!__atomic_compare_exchange_n(&current, &cache, larger, false, __ATOMIC_RELEASE,
                                     __ATOMIC_RELAXED)) {
        hl_platform_unmap_table(larger, sizeof *larger, lines_bytes(lines));
    }
}

void hl_stack_keep(const struct hl_stack_sum *sum, uint32_t id) {
    struct cache *cache = __atomic_load_n(&current, __ATOMIC_ACQUIRE); // as above
    if (sum->tag == 0 || id < HL_ROOT_COUNT) { // not cached, or cut to nothing
        return;
    }
    struct line *line = line_for(cache, sum->tag, sum->epoch);
    uint64_t is = (uint64_t)sum->epoch << 32 | id;
    uint64_t was = __atomic_load_n(&line->is, __ATOMIC_RELAXED);
    __atomic_store_n(&line->mixed, sum->tag ^ is, __ATOMIC_RELAXED);
    __atomic_store_n(&line->is, is, __ATOMIC_RELAXED);
    if ((was == 0 || was >> 32 == sum->epoch) && __atomic_add_fetch(&cache->taken, 1, __ATOMIC_RELAXED) > cache->mask / 4 * 3) {
        cache_grow(cache);
    }
}
