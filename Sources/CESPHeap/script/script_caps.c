// SPDX-License-Identifier: Apache-2.0
//
// Operations that allocate by capability: boot, start_os, heaps, psram, add_region,
// add_region_caps, cmalloc, ccalloc, crealloc, caligned, cacalloc, cfree, dmalloc, drealloc,
// daligned, extmem, pmalloc, prealloc, pcalloc, failcb, hooks.

#include "esp_heap_caps.h"
#include "esp_heap_caps_init.h"
#include "script.h"

enum { PREFERENCES = 8 };

static void *pointer(struct hl_script *script, const struct hl_slot *slot) {
    return hl_chip_pointer(script->chip, slot->address);
}

static bool list_heaps(struct hl_script *script) {
    struct hl_heap_description heap;
    size_t count = 0;
    for (; hl_chip_heap_at(script->chip, count, &heap); count++)
        hl_script_item(script, "heap 0x%08x-0x%08x %s caps 0x%x 0x%x 0x%x", heap.start, heap.end,
                       heap.is_registered ? "on" : "off", heap.caps[0], heap.caps[1], heap.caps[2]);
    hl_script_result(script, "heaps=%zu", count);
    return true;
}

static bool run_boot(struct hl_script *script) {
    heap_caps_init();
    return list_heaps(script);
}

static bool run_start_os(struct hl_script *script) {
    heap_caps_enable_nonos_stack_heaps();
    return list_heaps(script);
}

static bool give_error(struct hl_script *script, esp_err_t error) {
    hl_script_result(script, "err=0x%x", (unsigned)error);
    return true;
}

static bool run_psram(struct hl_script *script) {
    uint32_t start, size;
    if (!hl_script_number(script, 1, &start) || !hl_script_number(script, 2, &size))
        return false;
    return give_error(script, hl_chip_add_psram(script->chip, start, size));
}

// Memory must be there before it can be a heap; a chip has it, or does not, at its own risk.
static bool map_region(struct hl_script *script, uint32_t start, uint32_t end) {
    if (start == 0 || end <= start || hl_chip_map(script->chip, start, end - start) == 0)
        return true;
    return hl_script_refuse(script, "no memory can be at 0x%08x–0x%08x", start, end);
}

static bool run_add_region(struct hl_script *script) {
    uint32_t start, end;
    if (!hl_script_number(script, 1, &start) || !hl_script_number(script, 2, &end) ||
        !map_region(script, start, end))
        return false;
    return give_error(script, heap_caps_add_region((intptr_t)start, (intptr_t)end));
}

static bool run_add_region_caps(struct hl_script *script) {
    uint32_t start, end, caps[3];
    if (!hl_script_number(script, 1, &start) || !hl_script_number(script, 2, &end) ||
        !hl_script_number(script, 3, &caps[0]) || !hl_script_number(script, 4, &caps[1]) ||
        !hl_script_number(script, 5, &caps[2]) || !map_region(script, start, end))
        return false;
    return give_error(script, heap_caps_add_region_with_caps(caps, (intptr_t)start, (intptr_t)end));
}

static bool allocated(struct hl_script *script, struct hl_slot *slot, const void *result,
                      uint32_t requested) {
    uint32_t address = hl_chip_address(script->chip, result);
    hl_slot_allocated(slot, address, requested);
    hl_script_result_address(script, address);
    return true;
}

static bool reallocated(struct hl_script *script, struct hl_slot *slot, const void *result,
                        uint32_t requested) {
    uint32_t address = hl_chip_address(script->chip, result);
    if (!script->faulted)
        hl_slot_reallocated(slot, address, requested);
    hl_script_result_address(script, address);
    return true;
}

// The slot in the first field and `count` numbers after it.
static bool read(struct hl_script *script, struct hl_slot **slot, uint32_t *numbers,
                 unsigned count) {
    if (!hl_script_slot(script, 1, slot))
        return false;
    for (unsigned i = 0; i < count; i++)
        if (!hl_script_number(script, i + 2, &numbers[i]))
            return false;
    return true;
}

static bool run_cmalloc(struct hl_script *script) {
    struct hl_slot *slot;
    uint32_t n[2];
    return read(script, &slot, n, 2) && allocated(script, slot, heap_caps_malloc(n[0], n[1]), n[0]);
}

static bool run_ccalloc(struct hl_script *script) {
    struct hl_slot *slot;
    uint32_t n[3];
    return read(script, &slot, n, 3) &&
           allocated(script, slot, heap_caps_calloc(n[0], n[1], n[2]), n[0] * n[1]);
}

static bool run_crealloc(struct hl_script *script) {
    struct hl_slot *slot;
    uint32_t n[2];
    return read(script, &slot, n, 2) &&
           reallocated(script, slot, heap_caps_realloc(pointer(script, slot), n[0], n[1]), n[0]);
}

static bool run_caligned(struct hl_script *script) {
    struct hl_slot *slot;
    uint32_t n[3];
    return read(script, &slot, n, 3) &&
           allocated(script, slot, heap_caps_aligned_alloc(n[0], n[1], n[2]), n[1]);
}

static bool run_cacalloc(struct hl_script *script) {
    struct hl_slot *slot;
    uint32_t n[4];
    return read(script, &slot, n, 4) &&
           allocated(script, slot, heap_caps_aligned_calloc(n[0], n[1], n[2], n[3]), n[1] * n[2]);
}

static bool run_cfree(struct hl_script *script) {
    struct hl_slot *slot;
    if (!hl_script_slot(script, 1, &slot))
        return false;
    heap_caps_free(pointer(script, slot));
    hl_slot_freed(slot);
    hl_script_result_ok(script);
    return true;
}

static bool run_dmalloc(struct hl_script *script) {
    struct hl_slot *slot;
    uint32_t size;
    return read(script, &slot, &size, 1) &&
           allocated(script, slot, heap_caps_malloc_default(size), size);
}

static bool run_drealloc(struct hl_script *script) {
    struct hl_slot *slot;
    uint32_t size;
    return read(script, &slot, &size, 1) &&
           reallocated(script, slot, heap_caps_realloc_default(pointer(script, slot), size), size);
}

static bool run_daligned(struct hl_script *script) {
    struct hl_slot *slot;
    uint32_t n[2];
    return read(script, &slot, n, 2) &&
           allocated(script, slot, heap_caps_aligned_alloc_default(n[0], n[1]), n[1]);
}

static bool run_extmem(struct hl_script *script) {
    uint32_t limit;
    if (!hl_script_number(script, 1, &limit))
        return false;
    heap_caps_malloc_extmem_enable(limit);
    hl_script_result_ok(script);
    return true;
}

// `count` capability sets, the count itself in field `at`. Sets beyond the count stay 0 and are
// never passed on.
static bool read_preferences(struct hl_script *script, unsigned at, uint32_t *count,
                             uint32_t caps[PREFERENCES]) {
    if (!hl_script_number(script, at, count))
        return false;
    if (*count > PREFERENCES || script->field_count != at + 1 + *count)
        return hl_script_refuse(script, "%u capability sets announced, %u given, %d possible",
                                *count, script->field_count - at - 1, PREFERENCES);
    for (unsigned i = 0; i < PREFERENCES; i++)
        caps[i] = 0;
    for (unsigned i = 0; i < *count; i++)
        if (!hl_script_number(script, at + 1 + i, &caps[i]))
            return false;
    return true;
}

static bool run_pmalloc(struct hl_script *script) {
    struct hl_slot *slot;
    uint32_t size, k, c[PREFERENCES];
    if (!read(script, &slot, &size, 1) || !read_preferences(script, 3, &k, c))
        return false;
    void *result = heap_caps_malloc_prefer(size, k, c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]);
    return allocated(script, slot, result, size);
}

static bool run_prealloc(struct hl_script *script) {
    struct hl_slot *slot;
    uint32_t size, k, c[PREFERENCES];
    if (!read(script, &slot, &size, 1) || !read_preferences(script, 3, &k, c))
        return false;
    void *old = pointer(script, slot);
    void *result =
        heap_caps_realloc_prefer(old, size, k, c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]);
    return reallocated(script, slot, result, size);
}

static bool run_pcalloc(struct hl_script *script) {
    struct hl_slot *slot;
    uint32_t n[2], k, c[PREFERENCES];
    if (!read(script, &slot, n, 2) || !read_preferences(script, 4, &k, c))
        return false;
    void *result =
        heap_caps_calloc_prefer(n[0], n[1], k, c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]);
    return allocated(script, slot, result, n[0] * n[1]);
}

// ESP-IDF's callback has no context; the script that runs on this thread is the one meant.
static _Thread_local struct hl_script *failing;

static void print_failure(size_t size, uint32_t caps, const char *function) {
    if (failing)
        hl_script_item(failing, "failed size=%zu caps=0x%x fn=%s", size, caps, function);
}

static bool run_failcb(struct hl_script *script) {
    uint32_t on;
    if (!hl_script_number(script, 1, &on))
        return false;
    failing = script;
    return give_error(script, heap_caps_register_failed_alloc_callback(on ? print_failure : NULL));
}

static bool run_hooks(struct hl_script *script) {
    uint32_t on;
    if (!hl_script_number(script, 1, &on))
        return false;
    script->print_hooks = on != 0;
    hl_script_result_ok(script);
    return true;
}

const struct hl_operation hl_caps_operations[] = {
    {"cmalloc", 3, 3, run_cmalloc},
    {"cfree", 1, 1, run_cfree},
    {"crealloc", 3, 3, run_crealloc},
    {"ccalloc", 4, 4, run_ccalloc},
    {"caligned", 4, 4, run_caligned},
    {"cacalloc", 5, 5, run_cacalloc},
    {"dmalloc", 2, 2, run_dmalloc},
    {"drealloc", 2, 2, run_drealloc},
    {"daligned", 3, 3, run_daligned},
    {"pmalloc", 3, 11, run_pmalloc},
    {"prealloc", 3, 11, run_prealloc},
    {"pcalloc", 4, 12, run_pcalloc},
    {"boot", 0, 0, run_boot},
    {"start_os", 0, 0, run_start_os},
    {"heaps", 0, 0, list_heaps},
    {"psram", 2, 2, run_psram},
    {"add_region", 2, 2, run_add_region},
    {"add_region_caps", 5, 5, run_add_region_caps},
    {"extmem", 1, 1, run_extmem},
    {"failcb", 1, 1, run_failcb},
    {"hooks", 1, 1, run_hooks},
    {0},
};
