// SPDX-License-Identifier: Apache-2.0
//
// Whole stacks to ids: a stack seen before costs one line, whatever its depth. A cache in front of intern.c's nodes;
// a line may be overwritten, and when three quarters of them are taken a cache twice as large is put in place of this one: kept so
// full that thousands of stacks fit the processor's second-level cache beside what the program has there.
//
// A line holds no frames but their sum, 128 bits wide: NH (Black, Halevi, Krawczyk, Krovetz, Rogaway: UMAC, 1999) with words of 64
// bits, over keys that the kernel drew for this process,
//
//   sum = Σ (pc[2i] + key[2i] mod 2^64) (pc[2i+1] + key[2i+1] mod 2^64)  mod 2^128
//
// Whatever the two stacks, if they differ and are of the same length, their sums are equal for at most one in 2^64 of all choices of
// keys; length, root and epoch are compared as such. A lookup compares a stack with LINE_PROBES others and with nothing else. So
// a process that captures 10^10 stacks, at hundreds of nanoseconds each, gives one of them another's id with a probability below
// 10^10 LINE_PROBES / 2^64 = 4 * 10^-9, which is orders of magnitude below that of its memory erring in the same time. Where
// the kernel gives no random numbers nothing is cached.
#include "stack_memo.h"
#include "platform.h"

#define KEYS 512u // frames that a sum can take in
#define FIRST_LINES 1024u // 32 KiB
#define GROWTH 2u
#define TOUCHED_LINES (1u << 15)
#define LINES_MOST (1u << 20)
#define LINE_PROBES 8u
#define BUSY 1u // lowest bit of `meta`
#define WRITE 2u

// A line's content is right if `meta` is the same, and not busy, before and after it was read.
struct line {
    uint64_t meta; // (epoch << 32) | (writes << 1) | BUSY
    uint64_t low, high;
    uint64_t what; // (id << 32) | (root << 16) | frames; 0: empty
};
_Static_assert(sizeof(struct line) == 32, "two to a cache line");

struct cache {
    _Alignas(64) uint64_t mask; // lines - 1
    uint64_t taken;             // lines filled; relaxed, only to know when to grow
    _Alignas(64) struct line lines[]; // in sets of LINE_PROBES
};

static struct cache *current;
static uint64_t keys[KEYS];

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
    if (!hl_platform_random(keys, sizeof keys)) {
        return;
    }
    // Release: pairs with the acquire in hl_stack_find, which then sees keys and mask.
    __atomic_store_n(&current, cache_make(FIRST_LINES), __ATOMIC_RELEASE);
}

static inline void sum_frames(const uint64_t *pcs, uint32_t count, struct hl_stack_sum *sum) {
    unsigned __int128 total = 0;
    uint32_t i = 0;
    for (; i + 1 < count; i += 2) {
        total += (unsigned __int128)(pcs[i] + keys[i]) * (pcs[i + 1] + keys[i + 1]);
    }
    if (i < count) {
        total += (unsigned __int128)(pcs[i] + keys[i]) * keys[i + 1]; // as if a 0 followed; KEYS is even
    }
    sum->low = (uint64_t)total;
    sum->high = (uint64_t)(total >> 64);
}

// The `probe`th line in which a stack may lie: one set, from a place of its own on.
static inline struct line *line_of(struct cache *cache, const struct hl_stack_sum *sum, uint32_t probe) {
    uint64_t hash = (sum->low ^ sum->high) * UINT64_C(0x9fb21c651e98df25) >> 32;
    return &cache->lines[(hash & cache->mask & ~(uint64_t)(LINE_PROBES - 1)) | ((hash + probe) % LINE_PROBES)];
}

uint32_t hl_stack_find(const uint64_t *pcs, uint32_t count, uint32_t root, uint32_t epoch,
                       struct hl_stack_sum *sum) {
    // Acquire: pairs with cache_grow and hl_stack_cache_start.
    struct cache *cache = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
    sum->what = 0;
    if (HL_UNWIND_UNLIKELY(cache == NULL || count > KEYS)) {
        return 0;
    }
    sum_frames(pcs, count, sum);
    sum->what = root << 16 | count;
    sum->epoch = epoch;
    for (uint32_t i = 0; i < LINE_PROBES; i++) {
        const struct line *line = line_of(cache, sum, i);
        // Acquire: pairs with the release in hl_stack_keep; the content is at least as new as the meta.
        uint64_t meta = __atomic_load_n(&line->meta, __ATOMIC_ACQUIRE);
        uint64_t difference = __atomic_load_n(&line->low, __ATOMIC_RELAXED) ^ sum->low;
        difference |= __atomic_load_n(&line->high, __ATOMIC_RELAXED) ^ sum->high;
        uint64_t what = __atomic_load_n(&line->what, __ATOMIC_RELAXED);
        // The content was read before the meta is looked at again; a writer makes it busy before it touches the content.
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        difference |= __atomic_load_n(&line->meta, __ATOMIC_RELAXED) ^ meta;
        difference |= (uint32_t)what ^ sum->what;
        difference |= (meta >> 32 ^ epoch) | (meta & BUSY);
        if (HL_UNWIND_LIKELY(difference == 0)) {
            return (uint32_t)(what >> 32);
        }
    }
    return 0;
}

// The line in which a stack is to be put: of its set the first empty one, or of no use any more, or else any.
static struct line *line_for(struct cache *cache, const struct hl_stack_sum *sum) {
    for (uint32_t i = 0; i < LINE_PROBES; i++) {
        struct line *line = line_of(cache, sum, i);
        uint64_t meta = __atomic_load_n(&line->meta, __ATOMIC_RELAXED);
        if (meta == 0 || ((meta & BUSY) == 0 && meta >> 32 != sum->epoch)) {
            return line;
        }
    }
    return line_of(cache, sum, sum->high % LINE_PROBES);
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
        uint64_t meta = __atomic_load_n(&from->meta, __ATOMIC_ACQUIRE); // as in hl_stack_find
        struct hl_stack_sum sum = {
            .low = __atomic_load_n(&from->low, __ATOMIC_RELAXED),
            .high = __atomic_load_n(&from->high, __ATOMIC_RELAXED),
            .epoch = (uint32_t)(meta >> 32),
        };
        uint64_t what = __atomic_load_n(&from->what, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (meta == 0 || (meta & BUSY) != 0 || __atomic_load_n(&from->meta, __ATOMIC_RELAXED) != meta) {
            continue;
        }
        struct line *to = line_for(larger, &sum);
        larger->taken += to->meta == 0; // nobody else sees it yet
        *to = (struct line){.meta = meta, .low = sum.low, .high = sum.high, .what = what};
    }
    // Release: whoever sees the new cache sees its mask and its lines.
    if (!__atomic_compare_exchange_n(&current, &cache, larger, false, __ATOMIC_RELEASE,
                                     __ATOMIC_RELAXED)) {
        hl_platform_unmap_table(larger, sizeof *larger, lines_bytes(lines));
    }
}

void hl_stack_keep(const struct hl_stack_sum *sum, uint32_t id) {
    struct cache *cache = __atomic_load_n(&current, __ATOMIC_ACQUIRE); // as above
    if (sum->what == 0 || id < HL_ROOT_COUNT) { // not cached, or cut to nothing
        return;
    }
    struct line *line = line_for(cache, sum);
    uint64_t meta = __atomic_load_n(&line->meta, __ATOMIC_RELAXED);
    if ((meta & BUSY) != 0 || !__atomic_compare_exchange_n(&line->meta, &meta, meta | BUSY, false,
                                                           __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return; // another thread writes it: not worth waiting
    }
    // Release fence: nobody sees the new content with the old meta.
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&line->low, sum->low, __ATOMIC_RELAXED);
    __atomic_store_n(&line->high, sum->high, __ATOMIC_RELAXED);
    __atomic_store_n(&line->what, (uint64_t)id << 32 | sum->what, __ATOMIC_RELAXED);
    __atomic_store_n(&line->meta, (uint64_t)sum->epoch << 32 | (uint32_t)(meta + WRITE), __ATOMIC_RELEASE);
    if (meta == 0 && __atomic_add_fetch(&cache->taken, 1, __ATOMIC_RELAXED) > cache->mask / 4 * 3) {
        cache_grow(cache);
    }
}
