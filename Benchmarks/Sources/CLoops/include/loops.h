// SPDX-License-Identifier: Apache-2.0
//
// What is measured, as loops in C: nothing of the benchmark's own language lies between the clock and the hot path. The
// hooks are linked into this program, so its own malloc and free are the traced ones.
#pragma once

#include <stdint.h>

// Starts the recorder, newest records kept, no collector: the recorder's own cost. 0, or a negative enum hl_error.
int loops_record(int mode, int depth, int backend);
// Stops it and deletes what it recorded.
void loops_record_end(void);

// malloc(64) and free, `pairs` times in each of `threads` threads, below `frames` frames.
void loops_pairs(uint64_t pairs, int threads, int frames);

// Ticks that single calls took below `frames` frames, sorted: malloc's to `allocations`, free's to `frees`; each has room
// for `pairs`. One reading of the counter is part of each.
void loops_latencies(uint64_t pairs, int frames, uint64_t *allocations, uint64_t *frees);
// Nanoseconds of one tick of the counter used for latencies.
double loops_tick_ns(void);

// An allocator under test: random sizes, `live` blocks alive.
struct loops_heap;
enum loops_allocator { LOOPS_SYSTEM, LOOPS_JEMALLOC, LOOPS_EMULATED };
// `bytes`: the emulated region; `fill`: per cent of it taken by blocks with gaps between them before anything is measured.
// NULL when there is no such allocator here.
struct loops_heap *loops_heap_make(enum loops_allocator allocator, const char *chip, int poisoning, uint64_t bytes, int fill);
void loops_heap_end(struct loops_heap *heap);
// Pairs of malloc and free of one size; random sizes with 256 blocks alive; realloc; aligned allocation.
void loops_heap_pairs(struct loops_heap *heap, uint64_t pairs);
void loops_heap_mixed(struct loops_heap *heap, uint64_t pairs);
void loops_heap_realloc(struct loops_heap *heap, uint64_t calls);
void loops_heap_aligned(struct loops_heap *heap, uint64_t pairs);

// ESP-IDF's heap_trace with room for so many records, nearly all taken: start (0 when it went well), and end.
int loops_trace(struct loops_heap *heap, int all, uint64_t records);
void loops_trace_end(struct loops_heap *heap);
// Pairs of heap_caps_malloc and heap_caps_free.
void loops_caps_pairs(struct loops_heap *heap, uint64_t pairs);

// The path of a trace of so many events, mode all, depth 32, 4,096 stacks, 16,384 blocks alive: recorded when first asked for,
// removed when the program ends. NULL when that went wrong.
const char *loops_trace_file(uint64_t events);
int loops_remove(const char *file);
// A trace in memory, and how many events its chunks decode to; 0 when one is damaged.
struct loops_bytes;
struct loops_bytes *loops_bytes_load(const char *file);
void loops_bytes_end(struct loops_bytes *loaded);
uint64_t loops_decode(struct loops_bytes *loaded);
