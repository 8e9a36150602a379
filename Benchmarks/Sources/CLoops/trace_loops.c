// SPDX-License-Identifier: Apache-2.0
//
// A trace to read, recorded here, and the decoder by itself over it: what reading costs before anybody looks at an event.

#include "loops.h"

#include "heapline.h"
#include "heapline_codec.h"
#include "heapline_hooks.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIVE 16384
#define LEVELS 24

static char path[256];
static void *live[LIVE];

static void remove_trace(void) { unlink(path); }

static uint64_t next_random(uint64_t *state) { // xorshift64*, Vigna 2016
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 2685821657736338717u;
}

static void left(uint64_t drawn, int level);
static void right(uint64_t drawn, int level);

// One of 4,096 stacks of 24 frames replaces a block; the bits that choose between the frames are the lower ones, two levels each.
static inline void next_level(uint64_t drawn, int level) {
    if (level == LEVELS) {
        void **slot = &live[(drawn >> 16) % LIVE];
        free(*slot);
        *slot = malloc(16 + (drawn >> 40 & 255));
    } else if (drawn >> (level / 2) & 1) {
        right(drawn, level + 1);
    } else {
        left(drawn, level + 1);
    }
}

static __attribute__((noinline)) void left(uint64_t drawn, int level) {
    next_level(drawn, level);
    __asm__ volatile("" : : "r"(level) : "memory"); // no tail call
}

static __attribute__((noinline)) void right(uint64_t drawn, int level) {
    next_level(drawn, level);
    __asm__ volatile("" : : "r"(drawn) : "memory");
}

static int record(uint64_t events) {
    struct hl_options options = {
        .mode = HL_MODE_ALL, .depth = 32, .on_full = HL_ON_FULL_OVERWRITE, .buffer_bytes = (events * 2 + 65536) * sizeof(struct hl_record)};
    if (!hl_hooks_are_linked || hl_start(&options)) return -1;
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < LIVE; i++) live[i] = malloc(32);
    for (uint64_t i = LIVE; i < events; i += 2) left(next_random(&random), 0);
    hl_stop();
    int problem = hl_snapshot(path);
    hl_discard();
    for (int i = 0; i < LIVE; i++) {
        free(live[i]);
        live[i] = NULL;
    }
    return problem;
}

const char *loops_trace_file(uint64_t events) {
    if (*path) return path;
    const char *folder = getenv("TMPDIR");
    int length = snprintf(path, sizeof path - 7, "%s/heapline-benchmark-", folder && *folder ? folder : P_tmpdir);
    if (length < 0 || (size_t)length >= sizeof path - 7) return NULL;
    memset(path + length, 'X', 6); // mkstemp puts a name of its own there
    path[length + 6] = 0;
    int file = mkstemp(path);
    if (file < 0) return NULL;
    close(file);
    atexit(remove_trace);
    return record(events) ? NULL : path;
}

int loops_remove(const char *file) { return unlink(file); }

struct loops_bytes {
    uint8_t *bytes;
    size_t size;
    struct hl_record *records;
    void *scratch, *raw;
};

struct loops_bytes *loops_bytes_load(const char *file) {
    struct loops_bytes *loaded = calloc(1, sizeof *loaded);
    int descriptor = open(file, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (!loaded || descriptor < 0 || fstat(descriptor, &status)) return NULL;
    loaded->size = (size_t)status.st_size;
    loaded->bytes = malloc(loaded->size);
    loaded->records = calloc(HL_EVENTS_MAX, sizeof *loaded->records);
    loaded->scratch = calloc(1, HL_EVENTS_SCRATCH_BYTES);
    loaded->raw = malloc(hl_events_bound(HL_EVENTS_MAX));
    size_t got = 0;
    for (ssize_t more = 1; loaded->bytes && more > 0 && got < loaded->size; got += (size_t)more) {
        more = read(descriptor, loaded->bytes + got, loaded->size - got);
        if (more < 0) break;
    }
    close(descriptor);
    return got == loaded->size && loaded->records && loaded->scratch && loaded->raw ? loaded : NULL;
}

void loops_bytes_end(struct loops_bytes *loaded) {
    free(loaded->bytes);
    free(loaded->records);
    free(loaded->scratch);
    free(loaded->raw);
    free(loaded);
}

uint64_t loops_decode(struct loops_bytes *loaded) {
    struct hl_file_header header;
    memcpy(&header, loaded->bytes, sizeof header);
    uint64_t events = 0;
    for (size_t at = header.header_bytes; at + sizeof(struct hl_chunk) <= loaded->size;) {
        struct hl_chunk chunk;
        memcpy(&chunk, loaded->bytes + at, sizeof chunk);
        const uint8_t *payload = loaded->bytes + at + sizeof chunk;
        if (hl_chunk_check(&chunk) || hl_crc32c(0, payload, chunk.stored_bytes) != chunk.payload_checksum) return 0;
        if (chunk.kind == HL_CHUNK_EVENTS) {
            if (chunk.codec != HL_CODEC_NONE) {
                if (hl_zstd_decompress(payload, chunk.stored_bytes, loaded->raw, hl_events_bound(HL_EVENTS_MAX)) != chunk.raw_bytes) return 0;
                payload = loaded->raw;
            }
            if (hl_events_decode(payload, chunk.raw_bytes, chunk.count, chunk.first, loaded->records, loaded->scratch)) return 0;
            events += chunk.count;
        }
        at += sizeof chunk + ((chunk.stored_bytes + 7) & ~(size_t)7);
    }
    return events;
}
