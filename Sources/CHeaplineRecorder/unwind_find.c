// SPDX-License-Identifier: Apache-2.0
//
// From a code address to its frame description. The dynamic linker answers first: _dl_find_object (glibc 2.35) takes no
// lock and may be called in a signal handler. What it does not know (older or other libc, modules without
// .eh_frame_hdr, JIT code) unwind_module.c looks up in the kernel's list of mappings.
#include "unwinder.h"

// struct dl_find_object of <dlfcn.h>, declared here to build where it does not exist yet.
struct found_object {
    unsigned long long flags;
    void *map_start;
    void *map_end;
    void *link_map;
    void *eh_frame; // .eh_frame_hdr, or NULL
    unsigned long long reserved[7];
};
extern int _dl_find_object(void *address, struct found_object *result) __attribute__((weak));

enum hl_code hl_unwind_find(uintptr_t address, struct hl_cfi *cfi) {
    struct hl_unwind_section section = {0};
    struct found_object object;
    if (_dl_find_object != NULL && _dl_find_object((void *)address, &object) == 0 &&
        object.eh_frame != NULL) {
        section.header = object.eh_frame;
        section.end = object.map_end;
        if (hl_cfi_find(&section, address, cfi)) {
            return HL_CODE_KNOWN;
        }
    }
    return hl_module_find(address, cfi);
}
