// SPDX-License-Identifier: Apache-2.0
//
// See image.h. Memory is never looked at directly: a page may be a guard, or behind the end of its file. The kernel copies it for us, with
// process_vm_readv on this very process, else through /proc/self/mem; both answer with an error where we would get a signal. Pages that
// the program never touched are passed over (/proc/self/pagemap): they hold nothing, and a large reserve would take forever.

#include "image.h"

#include <fcntl.h>
#include <string.h>

enum { PAGE = HL_IMAGE_PAGE_BYTES, WORDS = PAGE / 8 };

struct reader {
    int memory;  // /proc/self/mem, once process_vm_readv has failed; -1 when that failed too
    int pagemap; // or -1
    int uses_file;
};

static struct reader open_reader(void) {
    return (struct reader){.memory = -1, .pagemap = hl_platform_open("/proc/self/pagemap", O_RDONLY)};
}

static void close_reader(struct reader *reader) {
    if (reader->memory >= 0) hl_platform_close(reader->memory);
    if (reader->pagemap >= 0) hl_platform_close(reader->pagemap);
}

// How many of the `count` pages from `page` on are alike: all there (`*there` = 1), or all untouched.
static uint64_t alike(const struct reader *reader, uintptr_t page, uint64_t count, int *there) {
    uint64_t entries[512];
    *there = 1;
    if (count > 512) count = 512;
    if (reader->pagemap < 0) return count;
    int64_t got = hl_platform_read_at(reader->pagemap, entries, count * 8, page / PAGE * 8);
    if (got < 8) return count;
    uint64_t same = 1, known = (uint64_t)got / 8;
    *there = (entries[0] >> 62) != 0; // bit 63: in memory, bit 62: swapped out
    while (same < known && ((entries[same] >> 62) != 0) == *there) same++;
    return same;
}

uint64_t hl_image_resident(const struct hl_address_space *space) {
    struct reader reader = open_reader();
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < space->area_count; i++) {
        int there;
        for (uintptr_t at = space->areas[i].start; at < space->areas[i].end;) {
            uint64_t pages = alike(&reader, at, (space->areas[i].end - at) / PAGE, &there);
            if (there) bytes += pages * PAGE;
            at += pages * PAGE;
        }
    }
    close_reader(&reader);
    return bytes;
}

// Copies what can be read of [from, from + bytes); returns how much, from its start on, or -1 when nothing can ever be read.
static int64_t copy(struct reader *reader, char *to, uintptr_t from, size_t bytes) {
    if (!reader->uses_file) {
        int64_t got = hl_platform_copy(to, from, bytes);
        if (got >= 0) return got;
        // EFAULT is this page's fault; anything else says that the call is forbidden here.
        if (got == -14) return 0;
        reader->uses_file = 1;
        reader->memory = hl_platform_open("/proc/self/mem", O_RDONLY);
    }
    if (reader->memory < 0) return -1;
    int64_t got = hl_platform_read_at(reader->memory, to, bytes, from);
    return got < 0 ? 0 : got;
}

struct output {
    int file;
    int error;
    char *buffer;
    size_t used;
    uint64_t left; // bytes that may still be written
};

static void flush(struct output *output) {
    if (!output->error && output->used > output->left) output->error = HL_IMAGE_NO_ROOM;
    if (!output->error && hl_platform_write_all(output->file, output->buffer, output->used)) output->error = HL_IMAGE_NO_ROOM;
    output->left -= output->used < output->left ? output->used : output->left;
    output->used = 0;
}

// What could be an address lies in one of a few spans: the program and its heap, what was mapped, the stack. A word between two mappings of
// a span is kept in vain; that is rare, and no search minds it. In return a page is passed over without a branch that depends on a word.
enum { SPANS = 3 };
struct filter {
    struct {
        uint64_t start, bytes;
    } spans[SPANS];
};

// Puts the ranges, at least one, into spans: parted at the widest gaps between them.
static struct filter make_filter(const struct hl_range *ranges, uint32_t count) {
    uint32_t cuts[SPANS]; // a span begins at range cuts[i]; ascending
    uint32_t spans = 1;
    cuts[0] = 0;
    while (spans < SPANS) {
        uint64_t widest = 0;
        uint32_t place = 0;
        for (uint32_t i = 1, next = 1; i < count; i++) {
            if (next < spans && cuts[next] == i) {
                next++;
            } else if (ranges[i].start - ranges[i - 1].end > widest) {
                widest = ranges[i].start - ranges[i - 1].end;
                place = i;
            }
        }
        if (!place) break;
        uint32_t at = spans++;
        for (; cuts[at - 1] > place; at--) cuts[at] = cuts[at - 1];
        cuts[at] = place;
    }
    struct filter filter = {0};
    for (uint32_t i = 0; i < spans; i++) {
        filter.spans[i].start = ranges[cuts[i]].start;
        filter.spans[i].bytes = ranges[i + 1 < spans ? cuts[i + 1] - 1 : count - 1].end - filter.spans[i].start;
    }
    return filter;
}

// Swift keeps flags in the upper bits of some pointers: of strings, bridged objects, and cases of enumerations.
#define UPPER_BITS ((uint64_t)0xf << 60)

static inline uint64_t is_target(const struct filter *filter, uint64_t value) {
    value &= ~UPPER_BITS;
    uint64_t is = 0;
    for (int i = 0; i < SPANS; i++) is |= value - filter->spans[i].start < filter->spans[i].bytes;
    return is;
}

static void put_page(struct output *output, const struct filter *filter, uint64_t address, const uint64_t *words) {
    if (output->used + sizeof(struct hl_image_page) + PAGE > HL_IMAGE_OUT_BYTES) flush(output);
    struct hl_image_page *page = (struct hl_image_page *)(output->buffer + output->used);
    uint64_t *kept = (uint64_t *)(page + 1);
    page->address = address;
    for (uint32_t group = 0; group < WORDS / 64; group++, words += 64) {
        uint64_t present = 0;
        for (uint32_t i = 0; i < 64; i++) {
            uint64_t is = is_target(filter, words[i]);
            *kept = words[i]; // the next one takes its place if it is none
            kept += is;
            present |= is << i;
        }
        page->present[group] = present;
    }
    if (kept != (uint64_t *)(page + 1)) output->used = (size_t)((char *)kept - output->buffer);
}

static int put_area(struct output *output, const struct filter *filter, struct reader *reader, struct hl_range area, char *work) {
    for (uintptr_t at = area.start; at < area.end && !output->error;) {
        int there;
        uint64_t pages = alike(reader, at, (area.end - at) / PAGE, &there);
        uintptr_t end = at + pages * PAGE;
        while (there && at < end && !output->error) {
            size_t wanted = end - at < HL_IMAGE_COPY_BYTES ? end - at : HL_IMAGE_COPY_BYTES;
            int64_t got = copy(reader, work, at, wanted);
            if (got < 0) return HL_IMAGE_UNREADABLE;
            uint64_t whole = (uint64_t)got / PAGE;
            for (uint64_t i = 0; i < whole; i++)
                put_page(output, filter, at + i * PAGE, (const uint64_t *)(const void *)(work + i * PAGE));
            at += (whole ? whole : 1) * PAGE; // a page that cannot be read is passed over
        }
        at = end;
    }
    return output->error;
}

int hl_image_write_pages(int file, const struct hl_address_space *space, char *work, uint64_t most) {
    struct output output = {.file = file, .buffer = work + HL_IMAGE_COPY_BYTES, .left = most};
    struct filter filter = make_filter(space->targets, space->target_count);
    struct reader reader = open_reader();
    int error = 0;
    for (uint32_t i = 0; i < space->area_count && !error; i++)
        error = put_area(&output, &filter, &reader, (struct hl_range){space->areas[i].start, space->areas[i].end}, work);
    close_reader(&reader);
    if (error) return error;
    if (output.used + sizeof(struct hl_image_page) > HL_IMAGE_OUT_BYTES) flush(&output);
    memset(output.buffer + output.used, 0, sizeof(struct hl_image_page));
    output.used += sizeof(struct hl_image_page);
    flush(&output);
    return output.error;
}
