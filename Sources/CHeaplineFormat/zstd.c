// SPDX-License-Identifier: Apache-2.0
//
// libzstd found at run time by its soname, so that neither building nor running needs it. Only collector and reader come
// here, never the traced program.

#include "heapline_codec.h"

#include <dlfcn.h>
#include <pthread.h>

static struct {
    size_t (*compress)(void *, size_t, const void *, size_t, int);
    size_t (*decompress)(void *, size_t, const void *, size_t);
    size_t (*bound)(size_t);
    unsigned (*is_error)(size_t);
} zstd;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
    void *library = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) return;
    *(void **)&zstd.compress = dlsym(library, "ZSTD_compress");
    *(void **)&zstd.decompress = dlsym(library, "ZSTD_decompress");
    *(void **)&zstd.bound = dlsym(library, "ZSTD_compressBound");
    *(void **)&zstd.is_error = dlsym(library, "ZSTD_isError");
    if (!zstd.compress || !zstd.decompress || !zstd.bound) zstd.is_error = NULL;
}

int hl_zstd_available(void) {
    pthread_once(&once, load);
    return zstd.is_error != NULL;
}

size_t hl_zstd_bound(size_t size) {
    return hl_zstd_available() ? zstd.bound(size) : size;
}

size_t hl_zstd_compress(const void *in, size_t size, void *out, size_t capacity, int level) {
    if (!hl_zstd_available()) return 0;
    size_t written = zstd.compress(out, capacity, in, size, level);
    return zstd.is_error(written) ? 0 : written;
}

size_t hl_zstd_decompress(const void *in, size_t size, void *out, size_t capacity) {
    if (!hl_zstd_available()) return 0;
    size_t written = zstd.decompress(out, capacity, in, size);
    return zstd.is_error(written) ? 0 : written;
}
