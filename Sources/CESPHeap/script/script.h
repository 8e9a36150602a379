// SPDX-License-Identifier: Apache-2.0
//
// The script runner's inside: one file per group of operations, each with a table of them; script.c
// reads lines, finds the operation and prints. An operation prints items first (they begin with "|
// "), then exactly one result line.

#ifndef HL_SCRIPT_H
#define HL_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../chip.h"
#include "../heap.h"
#include "heapline_script.h"

enum { HL_SCRIPT_FIELDS = 64, HL_SCRIPT_SLOTS = 1 << 20, HL_SCRIPT_STACK = 32 };

// What a slot remembers. Invariant: known <= requested; both 0 without a pointer.
struct hl_slot {
    uint32_t address;   // 0: empty
    uint32_t freed;     // what the last free released
    uint32_t requested; // bytes asked for
    uint32_t known;     // bytes from the start whose content the script wrote
};

// A task that the script named.
struct hl_script_task {
    uint32_t handle;
    char name[16];
};

struct hl_script {
    const struct hl_script_options *options;
    struct hl_script_error *error;
    struct hl_chip *chip;
    struct hl_chip_options chip_options;
    bool trace, trace_hash; // variants of the tracing group
    void *tracing;          // state of the tracing group
    struct hl_heap *heap;   // the heap of the multi_heap group, or null
    struct hl_slot *slots;
    size_t slot_count;
    bool print_hooks;
    uint32_t task; // handle of the current task
    struct hl_script_task *tasks;
    size_t task_count;
    uint32_t stack[HL_SCRIPT_STACK]; // of traced calls
    unsigned stack_depth;
    uint32_t cycle_count;
    unsigned core;
    bool faulted; // the chip stopped during this operation

    // The line being run.
    size_t line;
    unsigned field_count; // the operation's name included
    char *fields[HL_SCRIPT_FIELDS];

    // Output not yet handed on, and chip text waiting for the end of its line.
    char *buffer;
    size_t buffered;
    char pending[1024];
    size_t pending_length;
};

// An operation takes `least` to `most` fields after its name. False: the line is malformed, error
// filled.
struct hl_operation {
    const char *name;
    unsigned least, most;
    bool (*run)(struct hl_script *script);
};

// A group ends with a null name.
extern const struct hl_operation hl_multi_heap_operations[];
extern const struct hl_operation hl_caps_operations[];
extern const struct hl_operation hl_caps_report_operations[];
extern const struct hl_operation hl_task_operations[];
extern const struct hl_operation hl_trace_operations[];

// The tracing group's state, from before the first line to after the last.
bool hl_script_trace_open(struct hl_script *script);
void hl_script_trace_close(struct hl_script *script);

// One result line, one item line. Formats have no newline.
void hl_script_result(struct hl_script *script, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void hl_script_item(struct hl_script *script, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// The result line of an address: 0 or 0x and 8 digits. After a fault: "abort".
void hl_script_result_address(struct hl_script *script, uint32_t address);
void hl_script_result_ok(struct hl_script *script);

// Fields after the operation's name, from 1. False fills the error.
bool hl_script_number(struct hl_script *script, unsigned field, uint32_t *value);
bool hl_script_signed(struct hl_script *script, unsigned field, int64_t *value);
bool hl_script_slot(struct hl_script *script, unsigned field, struct hl_slot **slot);
bool hl_script_refuse(struct hl_script *script, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Slots after an allocation and after a reallocation that returned `address`.
void hl_slot_allocated(struct hl_slot *slot, uint32_t address, uint32_t requested);
void hl_slot_reallocated(struct hl_slot *slot, uint32_t address, uint32_t requested);
void hl_slot_freed(struct hl_slot *slot);

#define HL_FNV_START 2166136261u
static inline uint32_t hl_fnv_byte(uint32_t hash, uint8_t byte) {
    return (hash ^ byte) * 16777619u;
}
static inline uint32_t hl_fnv_word(uint32_t hash, uint32_t word) {
    for (unsigned shift = 0; shift < 32; shift += 8)
        hash = hl_fnv_byte(hash, (uint8_t)(word >> shift));
    return hash;
}

#endif
