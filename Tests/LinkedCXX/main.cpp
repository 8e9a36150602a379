// SPDX-License-Identifier: Apache-2.0
//
// linked-cxx TRACE: heapline.h from C++17, with the hooks. 100 objects by operator new of 200 bytes, half of them deleted;
// 3 arrays of 1,000 bytes that stay; one nothrow and one aligned object, deleted.

#include "heapline.h"

#include <new>

namespace {
struct Object {
    char bytes[200];
};
struct alignas(128) Wide {
    char bytes[256];
};
void *volatile sink;
}  // namespace

int main(int argc, char **argv) {
    if (argc != 2 || !hl_has_hooks()) return 64;
    hl_options options{};
    options.depth = 8;
    if (hl_start(&options) != 0) return 1;
    for (int i = 0; i < 100; i++) {
        auto *object = new Object;
        sink = object;
        if (i % 2) delete object;
    }
    for (int i = 0; i < 3; i++) sink = new char[1000];
    auto *quiet = new (std::nothrow) Object;
    sink = quiet;
    delete quiet;
    auto *wide = new Wide;
    sink = wide;
    delete wide;
    if (hl_stop() != 0 || hl_snapshot(argv[1]) != 0 || hl_discard() != 0) return 2;
    return 0;
}
