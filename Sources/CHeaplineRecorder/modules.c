// SPDX-License-Identifier: Apache-2.0
//
// See modules.h. The loader's own lock, which dl_iterate_phdr holds around each callback, is the only lock: all state
// here is changed inside callbacks. A lock of ours would have to be taken before or after the loader's, and a thread
// inside dlopen that allocates would meet it the other way round.

#include "modules.h"
#include "notes.h"
#include "platform.h"
#include "stack.h"
#include "thread.h"

#include <elf.h>
#include <link.h>
#include <string.h>

#define MOST 4096 // modules at a time; more are not noted

struct module {
    uintptr_t start, end; // 0, 0: a free entry
    uintptr_t bias;
    uint32_t name; // hash: another library may come to lie at the same place
    uint32_t seen; // the refresh that saw it last
};
static struct module *modules; // mapped at first use
static uint32_t module_count; // entries in use, free ones included
static unsigned long long adds, subs;
static uint32_t refresh;

static void find_build_id(const struct dl_phdr_info *info, const ElfW(Phdr) * header, struct hl_note_module *note) {
    const char *at = (const char *)info->dlpi_addr + header->p_vaddr, *end = at + header->p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
        const ElfW(Nhdr) *entry = (const ElfW(Nhdr) *)at;
        const char *name = at + sizeof *entry, *value = name + ((entry->n_namesz + 3) & ~3u);
        if (entry->n_type == NT_GNU_BUILD_ID && entry->n_namesz == 4 && !memcmp(name, "GNU", 4) &&
            entry->n_descsz <= sizeof note->build_id && value + entry->n_descsz <= end) {
            note->build_id_bytes = (uint8_t)entry->n_descsz;
            memcpy(note->build_id, value, entry->n_descsz);
            return;
        }
        at = value + ((entry->n_descsz + 3) & ~3u);
    }
}

static uint32_t hash(const char *text) {
    uint32_t h = 2166136261u;
    for (; text && *text; text++) h = (h ^ (uint8_t)*text) * 16777619u;
    return h;
}

static struct module span_of(const struct dl_phdr_info *info) {
    struct module span = {.start = UINTPTR_MAX, .bias = info->dlpi_addr, .name = hash(info->dlpi_name)};
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD) continue;
        uintptr_t start = info->dlpi_addr + header->p_vaddr;
        if (start < span.start) span.start = start;
        if (start + header->p_memsz > span.end) span.end = start + header->p_memsz;
    }
    return span;
}

static struct module *find(struct module span) {
    for (uint32_t i = 0; i < module_count; i++)
        if (modules[i].start == span.start && modules[i].end == span.end && modules[i].bias == span.bias &&
            modules[i].name == span.name)
            return &modules[i];
    return NULL;
}

static int mark(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    (void)context;
    struct module *known = find(span_of(info));
    if (known) known->seen = refresh;
    return 0;
}

static int add(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    (void)context;
    struct module span = span_of(info);
    if (span.start >= span.end || find(span)) return 0;
    struct module *place = NULL;
    for (uint32_t i = 0; i < module_count && !place; i++)
        if (!modules[i].end) place = &modules[i];
    if (!place && module_count == MOST) return 0;
    struct hl_note_module note = {.bias = span.bias, .start = span.start, .end = span.end};
    for (int i = 0; i < info->dlpi_phnum && !note.build_id_bytes; i++)
        if (info->dlpi_phdr[i].p_type == PT_NOTE) find_build_id(info, &info->dlpi_phdr[i], &note);
    char path[1024];
    const char *name = info->dlpi_name ? info->dlpi_name : "";
    if (!*name) // the program itself
        name = hl_platform_read_link("/proc/self/exe", path, sizeof path) > 0 ? path : "";
    hl_note_append(HL_NOTE_MODULE, &note, sizeof note, name, strlen(name));
    uint32_t index = place ? (uint32_t)(place - modules) : module_count;
    modules[index] = (struct module){.start = span.start, .end = span.end, .bias = span.bias, .name = span.name,
                                     .seen = refresh};
    if (!place) module_count++;
    return 0;
}

// Runs inside the loader's lock for the first module; the lock is recursive, so the whole round happens under it.
static int all(struct dl_phdr_info *info, size_t size, void *context) {
    (void)context;
    if (size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof info->dlpi_subs) {
        if (refresh && info->dlpi_adds == adds && info->dlpi_subs == subs) return 1;
        adds = info->dlpi_adds;
        subs = info->dlpi_subs;
    }
    refresh++;
    dl_iterate_phdr(mark, NULL);
    for (uint32_t i = 0; i < module_count; i++) {
        if (!modules[i].end || modules[i].seen == refresh) continue;
        uint64_t start = modules[i].start, end = modules[i].end;
        if (hl_recorder.depth) hl_stack_module_gone(start, end); // without stacks nothing is cached
        // After that: ids handed out for the code that was there are all made by now. Relaxed: the number alone counts.
        struct hl_note_module_gone note = {.start = start, .nodes = hl_load_relaxed(&hl_recorder.process->nodes_made)};
        hl_note_append(HL_NOTE_MODULE_GONE, &note, sizeof note, NULL, 0);
        modules[i].end = 0;
    }
    dl_iterate_phdr(add, NULL);
    if (hl_recorder.depth) hl_stack_modules_added();
    return 1;
}

void hl_modules_refresh(void) {
    if (!modules || !hl_recorder.process) return;
    struct hl_quiet quiet = hl_quiet_begin();
    dl_iterate_phdr(all, NULL);
    hl_quiet_end(quiet);
}

void hl_modules_reset(void) {
    if (!modules) modules = hl_platform_map(MOST * sizeof *modules);
    module_count = 0; // only this thread exists, or none has recorded yet
    refresh = 0;
    hl_modules_refresh();
}
