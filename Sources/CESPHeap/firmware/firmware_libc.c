// SPDX-License-Identifier: Apache-2.0
//
// The C library's allocating functions for firmware: the linker is told --wrap=malloc and so on, which sends what the
// firmware's own objects call here, and from here to the emulated heap.  Nothing else in the process is affected.
//
// A block the host's libc made (the few functions not listed here) is not known to the emulated heap; freeing it is a
// wild free, as it would be on the chip.

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "heapline_esp_libc.h"

void *__wrap_malloc(size_t size) {
    return heap_caps_malloc_default(size);
}

void __wrap_free(void *block) {
    heap_caps_free(block);
}

void *__wrap_realloc(void *block, size_t size) {
    return heap_caps_realloc_default(block, size);
}

void *__wrap_calloc(size_t count, size_t size) {
    // The chip's size_t has 32 bits, and so has its overflow.
    uint32_t bytes;
    if (count > UINT32_MAX || size > UINT32_MAX || __builtin_mul_overflow((uint32_t)count, (uint32_t)size, &bytes))
        return NULL;
    void *block = heap_caps_malloc_default(bytes);
    return block ? memset(block, 0, bytes) : NULL;
}

void *__wrap_memalign(size_t alignment, size_t size) {
    return heap_caps_aligned_alloc_default(alignment, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    return heap_caps_aligned_alloc_default(alignment, size);
}

int __wrap_posix_memalign(void **block, size_t alignment, size_t size) {
    if (size == 0) {
        *block = NULL;
        return 0;
    }
    void *result = heap_caps_aligned_alloc_default(alignment, size);
    if (!result)
        return ENOMEM;
    *block = result;
    return 0;
}

size_t __wrap_malloc_usable_size(void *block) {
    (void)block;
    return 0;
}

char *__wrap_strndup(const char *text, size_t limit) {
    size_t length = strnlen(text, limit);
    char *copy = heap_caps_malloc_default(length + 1);
    if (copy) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

char *__wrap_strdup(const char *text) {
    return __wrap_strndup(text, SIZE_MAX);
}

int __wrap_vasprintf(char **text, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    *text = length < 0 ? NULL : heap_caps_malloc_default((size_t)length + 1);
    if (!*text)
        return -1;
    return vsnprintf(*text, (size_t)length + 1, format, arguments);
}

int __wrap_asprintf(char **text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = __wrap_vasprintf(text, format, arguments);
    va_end(arguments);
    return length;
}

// The chip's C library allocates a stream when it is opened and frees it when it is closed.
enum { STREAM_BYTES = 96, MAXIMUM_STREAMS = 64 };

static struct {
    FILE *stream;
    void *block;
} streams[MAXIMUM_STREAMS];

static FILE *keep(FILE *stream, void *block) {
    for (unsigned i = 0; stream && i < MAXIMUM_STREAMS; i++) {
        FILE *none = NULL;
        if (__atomic_compare_exchange_n(&streams[i].stream, &none, stream, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            streams[i].block = block;
            return stream;
        }
    }
    heap_caps_free(block);
    return stream;
}

FILE *__wrap_fdopen(int descriptor, const char *mode) {
    void *block = heap_caps_malloc_default(STREAM_BYTES);
    return block ? keep(fdopen(descriptor, mode), block) : NULL;
}

FILE *__wrap_fopen(const char *path, const char *mode) {
    void *block = heap_caps_malloc_default(STREAM_BYTES);
    return block ? keep(fopen(path, mode), block) : NULL;
}

int __wrap_fclose(FILE *stream) {
    if (!stream)
        return EOF;
    for (unsigned i = 0; i < MAXIMUM_STREAMS; i++) {
        if (__atomic_load_n(&streams[i].stream, __ATOMIC_ACQUIRE) == stream) {
            heap_caps_free(streams[i].block);
            __atomic_store_n(&streams[i].stream, NULL, __ATOMIC_RELEASE);
            break;
        }
    }
    return fclose(stream);
}

__attribute__((weak)) size_t strlcpy(char *to, const char *from, size_t size) {
    size_t length = strlen(from);
    if (size > 0) {
        size_t copied = length < size ? length : size - 1;
        memcpy(to, from, copied);
        to[copied] = '\0';
    }
    return length;
}

__attribute__((weak)) size_t strlcat(char *to, const char *from, size_t size) {
    size_t used = strnlen(to, size);
    return used + strlcpy(to + used, from, size - used);
}
