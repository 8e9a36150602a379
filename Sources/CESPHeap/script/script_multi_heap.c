// SPDX-License-Identifier: Apache-2.0
//
// Operations on one multi_heap: region, malloc, aligned, aligned_offs, realloc, free, size, full,
// find, fill, ramp, sum, peek, poke, pokefreed, info, sizes, resetmin, restoremin, check, dump,
// walk, digest.

#include <string.h>

#include "../heap_ops.h"
#include "../port.h"
#include "../registry.h"
#include "script.h"

// "noheap" for every operation while there is no heap.
static bool has_heap(struct hl_script *script) {
    if (script->heap)
        return true;
    hl_script_result(script, "noheap");
    return false;
}

// Faults that the operation noted become the chip's stop.
static void settle(struct hl_script *script) {
    hl_fault_raise_noted(script->chip);
}

static bool run_region(struct hl_script *script) {
    uint32_t base, size;
    if (!hl_script_number(script, 1, &base) || !hl_script_number(script, 2, &size))
        return false;
    if (script->slots)
        memset(script->slots, 0, script->slot_count * sizeof *script->slots);
    script->heap = NULL;
    if (!hl_first_heap(script->chip))
        hl_registry_clear(script->chip);
    if (base == 0 || hl_chip_map(script->chip, base, size) != 0)
        return hl_script_refuse(script, "no memory can be at 0x%08x, %u bytes", base, size);
    script->heap = hl_heap_create(script->chip, script->chip->base, base, size);
    if (script->heap)
        hl_script_result(script, "0x%08x pool 0x%08x", base, script->heap->pool);
    else
        hl_script_result(script, "0");
    return true;
}

static bool run_malloc(struct hl_script *script) {
    struct hl_slot *slot;
    uint32_t size;
    if (!hl_script_slot(script, 1, &slot) || !hl_script_number(script, 2, &size))
        return false;
    if (!has_heap(script))
        return true;
    uint32_t address = hl_heap_malloc(script->heap, size);
    settle(script);
    hl_slot_allocated(slot, address, size);
    hl_script_result_address(script, address);
    return true;
}

static bool run_aligned(struct hl_script *script) {
    struct hl_slot *slot;
    uint32_t alignment, size, offset = 0;
    if (!hl_script_slot(script, 1, &slot) || !hl_script_number(script, 2, &alignment) ||
        !hl_script_number(script, 3, &size) ||
        (script->field_count > 4 && !hl_script_number(script, 4, &offset)))
        return false;
    if (!has_heap(script))
        return true;
    uint32_t address = hl_heap_aligned_alloc(script->heap, size, alignment, offset);
    settle(script);
    hl_slot_allocated(slot, address, size);
    hl_script_result_address(script, address);
    return true;
}

static bool run_realloc(struct hl_script *script) {
    struct hl_slot *slot;
    uint32_t size;
    if (!hl_script_slot(script, 1, &slot) || !hl_script_number(script, 2, &size))
        return false;
    if (!has_heap(script))
        return true;
    uint32_t address = hl_heap_realloc(script->heap, slot->address, size);
    settle(script);
    if (!script->faulted)
        hl_slot_reallocated(slot, address, size);
    hl_script_result_address(script, address);
    return true;
}

static bool run_free(struct hl_script *script) {
    struct hl_slot *slot;
    if (!hl_script_slot(script, 1, &slot))
        return false;
    if (!has_heap(script))
        return true;
    hl_heap_free(script->heap, slot->address);
    settle(script);
    hl_slot_freed(slot);
    hl_script_result_ok(script);
    return true;
}

// Operations that need a pointer give "-" without one.
static bool has_pointer(struct hl_script *script, const struct hl_slot *slot) {
    if (slot->address != 0)
        return true;
    hl_script_result(script, "-");
    return false;
}

static bool run_size_of(struct hl_script *script,
                        uint32_t (*measure)(struct hl_heap *heap, uint32_t data)) {
    struct hl_slot *slot;
    if (!hl_script_slot(script, 1, &slot))
        return false;
    if (!has_heap(script) || !has_pointer(script, slot))
        return true;
    uint32_t size = measure(script->heap, slot->address);
    settle(script);
    hl_script_result(script, "%u", size);
    return true;
}

static bool run_size(struct hl_script *script) {
    return run_size_of(script, hl_heap_allocated_size);
}

static bool run_full(struct hl_script *script) {
    return run_size_of(script, hl_heap_full_block_size);
}

static bool run_find(struct hl_script *script) {
    struct hl_slot *slot;
    uint32_t offset;
    if (!hl_script_slot(script, 1, &slot) || !hl_script_number(script, 2, &offset))
        return false;
    if (!has_heap(script) || !has_pointer(script, slot))
        return true;
    if (offset >= slot->requested) {
        hl_script_result(script, "-");
        return true;
    }
    uint32_t found = hl_heap_find_containing_block(script->heap, slot->address + offset);
    settle(script);
    hl_script_result_address(script, found);
    return true;
}

// Writes byte k = start + step · k over the requested bytes.
static bool write_bytes(struct hl_script *script, uint8_t step) {
    struct hl_slot *slot;
    uint32_t start;
    if (!hl_script_slot(script, 1, &slot) || !hl_script_number(script, 2, &start))
        return false;
    if (!has_heap(script) || !has_pointer(script, slot))
        return true;
    uint8_t *bytes = hl_host(script->chip, slot->address);
    for (uint32_t k = 0; k < slot->requested; k++)
        bytes[k] = (uint8_t)(start + step * k);
    slot->known = slot->requested;
    hl_script_result_ok(script);
    return true;
}

static bool run_fill(struct hl_script *script) {
    return write_bytes(script, 0);
}

static bool run_ramp(struct hl_script *script) {
    return write_bytes(script, 7);
}

static bool run_sum(struct hl_script *script) {
    struct hl_slot *slot;
    uint32_t most = UINT32_MAX, hash = HL_FNV_START;
    if (!hl_script_slot(script, 1, &slot) ||
        (script->field_count > 2 && !hl_script_number(script, 2, &most)))
        return false;
    if (!has_heap(script) || !has_pointer(script, slot))
        return true;
    const uint8_t *bytes = hl_host(script->chip, slot->address);
    for (uint32_t k = 0; k < most && k < slot->known; k++)
        hash = hl_fnv_byte(hash, bytes[k]);
    hl_script_result(script, "0x%08x", hash);
    return true;
}

// The address `offset` bytes from a pointer, when `count` bytes are there.
static bool reach(struct hl_script *script, uint32_t from, int64_t offset, uint32_t count,
                  uint32_t *address) {
    int64_t target = (int64_t)from + offset;
    hl_heap_settle(script->heap);
    *address = (uint32_t)target;
    if (target > 0 && target <= UINT32_MAX &&
        hl_chip_is_mapped(script->chip, (uint32_t)target, count))
        return true;
    hl_script_item(script, "no memory at 0x%08x", *address);
    script->faulted = true;
    hl_script_result_ok(script);
    return false;
}

static bool run_peek(struct hl_script *script) {
    struct hl_slot *slot;
    int64_t offset;
    uint32_t count, address;
    if (!hl_script_slot(script, 1, &slot) || !hl_script_signed(script, 2, &offset) ||
        !hl_script_number(script, 3, &count))
        return false;
    if (count > 256)
        return hl_script_refuse(script, "peek shows at most 256 bytes");
    if (!has_heap(script) || !has_pointer(script, slot) ||
        !reach(script, slot->address, offset, count, &address))
        return true;
    char digits[513] = "";
    const uint8_t *bytes = hl_host(script->chip, address);
    for (uint32_t k = 0; k < count; k++) {
        digits[2 * k] = "0123456789abcdef"[bytes[k] >> 4];
        digits[2 * k + 1] = "0123456789abcdef"[bytes[k] & 15];
        digits[2 * k + 2] = 0;
    }
    hl_script_result(script, "%s", digits);
    return true;
}

static bool write_byte(struct hl_script *script, bool freed) {
    struct hl_slot *slot;
    int64_t offset;
    uint32_t byte, address;
    if (!hl_script_slot(script, 1, &slot) || !hl_script_signed(script, 2, &offset) ||
        !hl_script_number(script, 3, &byte))
        return false;
    if (!has_heap(script))
        return true;
    uint32_t pointer = freed ? slot->freed : slot->address;
    if (pointer == 0) {
        hl_script_result(script, "-");
        return true;
    }
    if (!reach(script, pointer, offset, 1, &address))
        return true;
    *(uint8_t *)hl_host(script->chip, address) = (uint8_t)byte;
    hl_script_result_ok(script);
    return true;
}

static bool run_poke(struct hl_script *script) {
    return write_byte(script, false);
}

static bool run_pokefreed(struct hl_script *script) {
    return write_byte(script, true);
}

static bool run_info(struct hl_script *script) {
    multi_heap_info_t info;
    if (!has_heap(script))
        return true;
    hl_heap_info(script->heap, &info);
    hl_script_result(script, "free=%u alloc=%u largest=%u min=%u ablk=%u fblk=%u tblk=%u",
                     (unsigned)info.total_free_bytes, (unsigned)info.total_allocated_bytes,
                     (unsigned)info.largest_free_block, (unsigned)info.minimum_free_bytes,
                     (unsigned)info.allocated_blocks, (unsigned)info.free_blocks,
                     (unsigned)info.total_blocks);
    return true;
}

static bool run_sizes(struct hl_script *script) {
    if (has_heap(script))
        hl_script_result(script, "free=%u min=%u", hl_heap_free_size(script->heap),
                         hl_heap_minimum_free_size(script->heap));
    return true;
}

static bool run_resetmin(struct hl_script *script) {
    if (has_heap(script))
        hl_script_result(script, "%u", hl_heap_reset_minimum(script->heap));
    return true;
}

static bool run_restoremin(struct hl_script *script) {
    uint32_t minimum;
    if (!hl_script_number(script, 1, &minimum))
        return false;
    if (!has_heap(script))
        return true;
    hl_heap_restore_minimum(script->heap, minimum);
    hl_script_result_ok(script);
    return true;
}

static bool run_check(struct hl_script *script) {
    if (!has_heap(script))
        return true;
    bool valid = hl_heap_check(script->heap, true);
    settle(script);
    hl_script_result(script, "check %d", valid);
    return true;
}

static bool run_dump(struct hl_script *script) {
    if (!has_heap(script))
        return true;
    hl_heap_dump(script->heap);
    hl_script_result_ok(script);
    return true;
}

struct digest {
    struct hl_script *script;
    bool list;
    uint32_t blocks, hash;
};

static bool digest_block(void *context, uint32_t address, uint32_t size, bool is_used) {
    struct digest *digest = context;
    if (digest->list)
        hl_script_item(digest->script, "0x%08x %u %s", address, size, is_used ? "used" : "free");
    digest->hash =
        hl_fnv_word(hl_fnv_word(hl_fnv_word(digest->hash, address), size), is_used ? 1 : 0);
    digest->blocks++;
    return true;
}

static bool digest(struct hl_script *script, bool list) {
    if (!has_heap(script))
        return true;
    struct digest digest = {script, list, 0, HL_FNV_START};
    hl_heap_walk(script->heap, digest_block, &digest);
    hl_script_result(script, "blocks=%u fnv=0x%08x", digest.blocks, digest.hash);
    return true;
}

static bool run_walk(struct hl_script *script) {
    return digest(script, true);
}

static bool run_digest(struct hl_script *script) {
    return digest(script, false);
}

const struct hl_operation hl_multi_heap_operations[] = {
    {"malloc", 2, 2, run_malloc},
    {"free", 1, 1, run_free},
    {"realloc", 2, 2, run_realloc},
    {"region", 2, 2, run_region},
    {"aligned", 3, 3, run_aligned},
    {"aligned_offs", 4, 4, run_aligned},
    {"size", 1, 1, run_size},
    {"full", 1, 1, run_full},
    {"find", 2, 2, run_find},
    {"fill", 2, 2, run_fill},
    {"ramp", 2, 2, run_ramp},
    {"sum", 1, 2, run_sum},
    {"peek", 3, 3, run_peek},
    {"poke", 3, 3, run_poke},
    {"pokefreed", 3, 3, run_pokefreed},
    {"info", 0, 0, run_info},
    {"sizes", 0, 0, run_sizes},
    {"resetmin", 0, 0, run_resetmin},
    {"restoremin", 1, 1, run_restoremin},
    {"check", 0, 0, run_check},
    {"dump", 0, 0, run_dump},
    {"walk", 0, 0, run_walk},
    {"digest", 0, 0, run_digest},
    {0},
};
