// SPDX-License-Identifier: Apache-2.0
//
// Operations that look at the chip's heaps: asize, csize, cinfo, csizes, cprint, cdump, ccheck,
// ccheckaddr, cwalk, cdigest, mon_start, mon_stop.

#include "esp_heap_caps.h"
#include "script.h"

static bool run_asize(struct hl_script *script) {
    struct hl_slot *slot;
    if (!hl_script_slot(script, 1, &slot))
        return false;
    if (slot->address == 0) {
        hl_script_result(script, "-");
        return true;
    }
    size_t size = heap_caps_get_allocated_size(hl_host(script->chip, slot->address));
    hl_script_result(script, "%u", (unsigned)size);
    return true;
}

static bool run_csize(struct hl_script *script) {
    struct hl_slot *slot;
    uint32_t offset;
    if (!hl_script_slot(script, 1, &slot) || !hl_script_number(script, 2, &offset))
        return false;
    if (slot->address == 0 || offset >= slot->requested) {
        hl_script_result(script, "-");
        return true;
    }
    size_t size =
        heap_caps_get_containing_block_size(hl_host(script->chip, slot->address + offset));
    hl_script_result(script, "%u", (unsigned)size);
    return true;
}

static bool run_cinfo(struct hl_script *script) {
    uint32_t caps;
    multi_heap_info_t info;
    if (!hl_script_number(script, 1, &caps))
        return false;
    heap_caps_get_info(&info, caps);
    hl_script_result(script, "free=%u alloc=%u largest=%u min=%u ablk=%u fblk=%u tblk=%u",
                     (unsigned)info.total_free_bytes, (unsigned)info.total_allocated_bytes,
                     (unsigned)info.largest_free_block, (unsigned)info.minimum_free_bytes,
                     (unsigned)info.allocated_blocks, (unsigned)info.free_blocks,
                     (unsigned)info.total_blocks);
    return true;
}

static bool run_csizes(struct hl_script *script) {
    uint32_t caps;
    if (!hl_script_number(script, 1, &caps))
        return false;
    hl_script_result(
        script, "total=%u free=%u min=%u largest=%u", (unsigned)heap_caps_get_total_size(caps),
        (unsigned)heap_caps_get_free_size(caps), (unsigned)heap_caps_get_minimum_free_size(caps),
        (unsigned)heap_caps_get_largest_free_block(caps));
    return true;
}

static bool run_cprint(struct hl_script *script) {
    uint32_t caps;
    if (!hl_script_number(script, 1, &caps))
        return false;
    heap_caps_print_heap_info(caps);
    hl_script_result_ok(script);
    return true;
}

static bool run_cdump(struct hl_script *script) {
    uint32_t caps;
    if (!hl_script_number(script, 1, &caps))
        return false;
    heap_caps_dump(caps);
    hl_script_result_ok(script);
    return true;
}

static bool run_ccheck(struct hl_script *script) {
    uint32_t caps;
    if (!hl_script_number(script, 1, &caps))
        return false;
    bool valid = heap_caps_check_integrity(caps, true);
    hl_script_result(script, "check %d", valid);
    return true;
}

static bool run_ccheckaddr(struct hl_script *script) {
    uint32_t address;
    if (!hl_script_number(script, 1, &address))
        return false;
    bool valid = heap_caps_check_integrity_addr((intptr_t)address, true);
    hl_script_result(script, "check %d", valid);
    return true;
}

struct digest {
    struct hl_script *script;
    bool list;
    uint32_t blocks, hash;
};

static bool digest_block(walker_heap_into_t heap, walker_block_info_t block, void *user_data) {
    struct digest *digest = user_data;
    const struct hl_chip *chip = digest->script->chip;
    uint32_t words[5] = {(uint32_t)((uintptr_t)heap.start - chip->base),
                         (uint32_t)((uintptr_t)heap.end - chip->base),
                         hl_chip_address(chip, block.ptr), (uint32_t)block.size,
                         block.used ? 1 : 0};
    if (digest->list)
        hl_script_item(digest->script, "0x%08x 0x%08x %u %s", words[0], words[2], words[3],
                       block.used ? "used" : "free");
    for (unsigned i = 0; i < 5; i++)
        digest->hash = hl_fnv_word(digest->hash, words[i]);
    digest->blocks++;
    return true;
}

static bool digest(struct hl_script *script, bool list) {
    uint32_t caps;
    if (!hl_script_number(script, 1, &caps))
        return false;
    struct digest digest = {script, list, 0, HL_FNV_START};
    heap_caps_walk(caps, digest_block, &digest);
    hl_script_result(script, "blocks=%u fnv=0x%08x", digest.blocks, digest.hash);
    return true;
}

static bool run_cwalk(struct hl_script *script) {
    return digest(script, true);
}

static bool run_cdigest(struct hl_script *script) {
    return digest(script, false);
}

static bool run_mon_start(struct hl_script *script) {
    hl_script_result(script, "err=0x%x",
                     (unsigned)heap_caps_monitor_local_minimum_free_size_start());
    return true;
}

static bool run_mon_stop(struct hl_script *script) {
    hl_script_result(script, "err=0x%x",
                     (unsigned)heap_caps_monitor_local_minimum_free_size_stop());
    return true;
}

const struct hl_operation hl_caps_report_operations[] = {
    {"asize", 1, 1, run_asize},
    {"csize", 2, 2, run_csize},
    {"cinfo", 1, 1, run_cinfo},
    {"csizes", 1, 1, run_csizes},
    {"cprint", 1, 1, run_cprint},
    {"cdump", 1, 1, run_cdump},
    {"ccheck", 1, 1, run_ccheck},
    {"ccheckaddr", 1, 1, run_ccheckaddr},
    {"cwalk", 1, 1, run_cwalk},
    {"cdigest", 1, 1, run_cdigest},
    {"mon_start", 0, 0, run_mon_start},
    {"mon_stop", 0, 0, run_mon_stop},
    {0},
};
