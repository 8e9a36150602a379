// SPDX-License-Identifier: Apache-2.0
//
// One frame's step outward, shared by the unwinder's files; stack.h is what the rest of the recorder sees.
//
//   unwind_find.c        code address → module → frame description (FDE)
//   unwind_cfi.c         frame description → row: where each register of the caller is
//   unwind_expression.c  DWARF expressions in rows
//   unwind_rule.c        row → compact rule, and the cache of compact rules by code address
//   unwind_step.c        steps that no compact rule covers
//   stack.c              the walk, and the memo
//   stack_straight.c     the walk without memo, for stacks that have little in common
//
// Everything here runs inside malloc and inside signal handlers: no lock, no libc, nothing allocated but by mmap.
#pragma once

#if defined(HL_UNWIND_ARCHITECTURE) // tests evaluate another machine's rules, on memory recorded there
#include HL_UNWIND_ARCHITECTURE
#elif defined(__aarch64__)
#include "unwind_aarch64.h"
#else
#include "unwind_x86_64.h"
#endif

#include "heapline_format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HL_UNWIND_LIKELY(x) __builtin_expect(!!(x), 1)
#define HL_UNWIND_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define HL_UNWIND_SLOW __attribute__((noinline, cold))

// MARK: Finding the frame description

// One frame description of .debug_frame, for a table sorted by `start`.
struct hl_frame_entry {
    uintptr_t start; // link-time address of the code
    size_t offset;   // of the entry in its section
};

// Where unwind information of one module lies in memory.
struct hl_unwind_section {
    const uint8_t *header;  // .eh_frame_hdr with its search table, or NULL
    const uint8_t *frames;  // .eh_frame or .debug_frame when there is no table, or NULL
    const uint8_t *end;     // nothing of either lies beyond
    uintptr_t bias;         // run-time minus link-time address; used by .debug_frame only
    bool debug_frame;
    const struct hl_frame_entry *index; // of .debug_frame, or NULL: it is read from its start
    size_t index_count;
};

// What an address was found to be.
enum hl_code {
    HL_CODE_NONE,    // not executable memory
    HL_CODE_UNKNOWN, // executable memory without a frame description: JIT code, assembly, a stripped module
    HL_CODE_KNOWN,   // a frame description covers it
};

// One frame description entry with its common part.
struct hl_cfi {
    const uint8_t *common;
    const uint8_t *common_end;
    const uint8_t *program;
    const uint8_t *program_end;
    uintptr_t start; // run-time code range
    uintptr_t end;
    uint64_t code_align;
    int64_t data_align;
    uintptr_t bias; // added to absolute pointers (only .debug_frame)
    uint32_t return_column;
    uint8_t pointer_encoding;
    bool signal_frame;
    bool version_debug;
};

// Finds the frame description covering `address` (the call itself, not the return address).
enum hl_code hl_unwind_find(uintptr_t address, struct hl_cfi *cfi);
// The slow way of it, through the kernel's list of mappings and the module's file.
enum hl_code hl_module_find(uintptr_t address, struct hl_cfi *cfi);
// The frame description of `address` in one module's section.
bool hl_cfi_find(const struct hl_unwind_section *section, uintptr_t address, struct hl_cfi *cfi);
// Writes the entries of a .debug_frame section to `index`, sorted, and returns how many there are; with NULL it only counts.
size_t hl_cfi_index(const struct hl_unwind_section *section, struct hl_frame_entry *index);
// Forgets modules found earlier.
void hl_module_forget(void);

// MARK: Rows

enum hl_where {
    HL_WHERE_SAME = 0,       // the register was not touched
    HL_WHERE_UNDEFINED,      // it is lost; for the return address: there is no caller
    HL_WHERE_AT,             // at cfa + value
    HL_WHERE_IS,             // is cfa + value
    HL_WHERE_REGISTER,       // in register `value`
    HL_WHERE_AT_EXPRESSION,  // at the address the expression gives
    HL_WHERE_IS_EXPRESSION,  // is what the expression gives
    HL_WHERE_UNSET,          // nothing was said: as SAME, except where the return address must be known
};

struct hl_row_rule {
    uint8_t where; // enum hl_where
    int64_t value; // or the address of the expression: its length as LEB128, then its bytes
};

struct hl_row {
    bool cfa_expression; // cfa.value is the address of an expression, otherwise cfa = cfa_register + cfa.value
    bool signed_return;  // aarch64: the return address carries an authentication code
    uint32_t cfa_register;
    int64_t cfa_value;
    struct hl_row_rule registers[HL_REGISTER_COUNT];
};

#define HL_ROW_NESTING 8
// Room for evaluating one frame description; too big for a signal stack, so it is borrowed from hl_scratch_take().
struct hl_row_scratch {
    struct hl_row row;
    struct hl_row initial;
    struct hl_row remembered[HL_ROW_NESTING];
};

// Evaluates the call frame program up to `address`; the row is scratch->row. False when it is malformed.
bool hl_cfi_row(const struct hl_cfi *cfi, uintptr_t address, struct hl_row_scratch *scratch);

struct hl_row_scratch *hl_scratch_take(void);
void hl_scratch_give(struct hl_row_scratch *scratch);

// MARK: Stack memory

// The part of the stack that may be read: `span` words start at [low, low + span). Outside of it every page is probed
// before it is read, and joins the window.
struct hl_stack_window {
    uintptr_t low;
    uintptr_t span;    // bytes - 7, or 0 when empty
    uintptr_t own_low; // the thread's own stack, 0, 0 when unknown
    uintptr_t own_high;
};
// Widens the window to `address`; false when it cannot be read.
bool hl_window_admit(struct hl_stack_window *window, uintptr_t address);

static inline bool hl_window_holds(struct hl_stack_window *window, uintptr_t address) {
    return (HL_UNWIND_LIKELY(address - window->low < window->span) ||
            hl_window_admit(window, address)) &&
           (address & 7) == 0;
}

static inline void hl_window_from(struct hl_stack_window *window, uintptr_t sp, uintptr_t own_low,
                                  uintptr_t own_high) {
    window->own_low = own_low;
    window->own_high = own_high;
    bool own = sp >= own_low && sp < own_high;
    window->low = own ? sp : 0;
    window->span = own && own_high - sp > 7 ? own_high - sp - 7 : 0;
}

// MARK: Steps

// All registers of a frame, where they are needed.
struct hl_register_set {
    uint64_t values[HL_REGISTER_COUNT]; // by DWARF number
    uint64_t known;                     // a bit for each
};

// One frame's registers, from the inside out. Registers other than these are recovered only where a rule asks for them.
struct hl_cursor {
    uintptr_t pc;
    uintptr_t sp;
    uintptr_t fp;
    bool exact;         // pc is an interrupted instruction, not a return address
    bool link_known;    // aarch64: `link` is x30
    uintptr_t link;
    uintptr_t slot;     // where pc was read from
    uintptr_t fp_slot;  // where fp was read from, or 0 when it is the callee's
    struct hl_register_set *registers; // NULL: no others are known
};

enum hl_step {
    HL_STEP_CALLER,    // the cursor now stands at the caller
    HL_STEP_OUTERMOST, // the rule says that there is none
    HL_STEP_NO_RULE,
    HL_STEP_BAD_FRAME,
    HL_STEP_REGISTERS, // the rule needs registers that the cursor does not know
};

// Why a stack ends with the frame from which this step was tried, or 0: it does not. (enum hl_root)
static inline uint32_t hl_root_of(enum hl_step step) {
    return step == HL_STEP_CALLER      ? 0
           : step == HL_STEP_OUTERMOST ? HL_ROOT_COMPLETE
           : step == HL_STEP_BAD_FRAME ? HL_ROOT_BAD_FRAME
                                       : HL_ROOT_NO_RULE;
}

// Two lowest bits of a compact rule.
enum hl_rule_kind {
    HL_RULE_NONE = 0, // not a rule: never stored
    HL_RULE_SP = 1,
    HL_RULE_FP = 2,
    HL_RULE_SPECIAL = 3, // with enum hl_special in the bits above
};
enum hl_special {
    HL_SPECIAL_OUTERMOST = 0, // the return address is undefined
    HL_SPECIAL_FULL = 1,      // evaluate the frame description (expressions, other registers, far offsets)
    HL_SPECIAL_UNKNOWN = 2,   // executable, but nothing describes it: frame pointer
    HL_SPECIAL_NOT_CODE = 3,  // not executable memory
    HL_SPECIAL_SIGNAL = 4,    // the kernel's frame under a signal handler
};
#define HL_RULE_OF(special) (HL_RULE_SPECIAL | (uint32_t)(special) << 2)

// The compact rule for `address`, found and kept when it is not in the cache.
uint32_t hl_rule_find(uintptr_t address);
// Makes the cache; false when there is no memory for it.
bool hl_rules_start(void);
// Starts a new epoch: no rule found so far is used again.
void hl_rules_forget(void);

// Steps by a compact rule.
enum hl_step hl_step_compact(struct hl_cursor *cursor, uint32_t rule, struct hl_stack_window *window);
// Steps by a special rule.
enum hl_step hl_step_special(struct hl_cursor *cursor, uint32_t rule,
                             struct hl_stack_window *window);
// Steps by the frame description, whatever its rows say; recovers all registers where cursor->registers is given.
enum hl_step hl_step_full(struct hl_cursor *cursor, struct hl_stack_window *window);

// The address whose frame description covers a frame: a return address may lie behind its function's last instruction.
static inline uintptr_t hl_cursor_address(const struct hl_cursor *cursor) {
    return cursor->pc - !cursor->exact;
}

// MARK: Ids of several frames at once

#define HL_PC_EXACT (UINT64_C(1) << 63) // user code never has this bit
// The id of `count` frames inside of `parent`: outermost first, HL_PC_EXACT as flag. `ids` gets those of each frame.
uint32_t hl_intern_frames(uint32_t parent, const uint64_t *pcs, uint32_t count, uint32_t *ids);
// Gives no id out again that leads through code in [start, end) (intern.c).
void hl_intern_forget(uintptr_t start, uintptr_t end);

// MARK: Expressions

struct hl_expression_context {
    const struct hl_cursor *cursor;
    struct hl_stack_window *window;
    bool missing; // set when a register was asked for that is not known
};
// Evaluates the expression at `bytes` (length first) on `initial` when `has_initial`.
bool hl_expression(const uint8_t *bytes, struct hl_expression_context *context, bool has_initial,
                   uint64_t initial, uint64_t *result);
bool hl_cursor_register(const struct hl_cursor *cursor, uint64_t number, uint64_t *value);

// MARK: The rule cache, looked up without a call

// An entry is one 8-byte word, so it is read and written whole: no lock, no torn rule.
//
//   63          32 31     27 26                0
//   +-------------+---------+------------------+
//   |     tag     |  epoch  |   compact rule   |        0: empty (a compact rule is never 0)
//   +-------------+---------+------------------+
//
// The low bits of the key (HL_KEY_BITS of the address) choose the entry and the remaining 32 are the tag, so equal entry and
// tag mean equal key. No verification beyond the tag is needed. Nothing is mixed: a walk waits for each entry's place before
// it knows the next frame's, and calls of one function lie in neighbouring entries.
#define HL_RULE_INDEX_BITS (HL_KEY_BITS - 32)
#define HL_RULE_ENTRIES ((size_t)1 << HL_RULE_INDEX_BITS)
#define HL_RULE_BITS 27
#define HL_RULE_MASK ((1u << HL_RULE_BITS) - 1)

extern uint64_t *hl_rule_entries __attribute__((visibility("hidden"))); // NULL until first used
extern uint32_t hl_rule_epoch __attribute__((visibility("hidden")));    // counts module changes

static inline uint64_t hl_rule_index(uint64_t key) {
    return key & (HL_RULE_ENTRIES - 1);
}
// What stands above the rule in an entry for `key`. For a key of more than HL_KEY_BITS it has more bits than an entry has.
static inline uint64_t hl_rule_tag(uint64_t key, uint32_t epoch) {
    return key >> HL_RULE_INDEX_BITS << (32 - HL_RULE_BITS) | (epoch & 31);
}

// Cost when cached: 12 instructions, one load that depends on the address. Relaxed: an entry stands alone.
static inline __attribute__((always_inline)) uint32_t
hl_rule_at(uintptr_t address, const uint64_t *entries, uint32_t epoch) {
    uint64_t key = hl_code_key(address);
    uint64_t entry = __atomic_load_n(&entries[hl_rule_index(key)], __ATOMIC_RELAXED);
    uint32_t rule = (uint32_t)entry & HL_RULE_MASK;
    if (HL_UNWIND_LIKELY(entry >> HL_RULE_BITS == hl_rule_tag(key, epoch) && rule != 0)) {
        return rule;
    }
    return hl_rule_find(address);
}
