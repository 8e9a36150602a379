// SPDX-License-Identifier: Apache-2.0
//
// The state of one emulated chip. Read heapline_chip.h first.
//
// Chip memory is reached as `base + address`: base is 0 when memory is mapped in place, else the
// start of a 4 GiB reservation. So code computes with 32-bit addresses and no chip structure holds
// a host pointer.

#ifndef HL_CHIP_STATE_H
#define HL_CHIP_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_heap_caps.h"
#include "heapline_chip.h"
#include "heapline_layout.h"
#include "heapline_port.h"
#include "lock.h"

enum { HL_PRIORITIES = 3, HL_MAPPED_MAX = 512, HL_REGISTRY_MAX = 1024, HL_PLAN_SLOTS = 16 };
// At most half of the slots are taken.
enum { HL_HANDLE_BITS = 11, HL_HANDLE_SLOTS = 1 << HL_HANDLE_BITS };

// Where a heap is looked for by its handle first; see registry.h.
static inline unsigned hl_handle_slot(uintptr_t start) {
    return (unsigned)((uint64_t)start * 0x9E3779B97F4A7C15u >> (64 - HL_HANDLE_BITS));
}

struct hl_heap;
struct hl_plan;
struct hl_places;

// An entry of the chip's heap list. Invariant: all_caps == heap ? OR of `caps` : 0.
// Entries are published by a release store to the list or to `heap`, found by an acquire load, and
// never change else.
struct hl_region_heap {
    _Atomic(struct hl_region_heap *) next; // search order
    _Atomic(struct hl_heap *) heap;        // null: not registered
    uint32_t start, end;
    uint32_t caps[HL_PRIORITIES];
    uint32_t all_caps;
    const char *type; // name of the memory type, null when none matches
    bool startup_stack;
};

struct hl_chip {
    // Read on every allocation.
    uintptr_t base;                         // host address = base + chip address
    _Atomic(struct hl_region_heap *) heaps; // search order; entries are never unlinked
    _Atomic(struct hl_plan *) plans[HL_PLAN_SLOTS]; // by capabilities, see caps_plan.h
    struct hl_places *places;               // by address, see caps_plan.h; null: not looked at
    uint32_t limit;                         // largest request
    uint32_t
        owner_size; // bytes of the owner word in front of each block: 0, or 4 with task tracking
    size_t external_limit; // requests up to this size prefer internal memory; SIZE_MAX: no external
                           // memory
    _Atomic(const struct hl_tracer *) calls_to; // the tracer while it wants to see calls; null costs least
    struct hl_port port;
    bool exec_heap; // MALLOC_CAP_EXEC exists in this build
    bool ready;     // heap_caps_init has run

    // Configuration.
    struct hl_chip_options options;
    const struct hl_layout *layout;

    // Rarely used.
    const struct hl_tracer *tracer; // as set
    struct hl_plan *all_plans; // registry lock, and so is:
    uint32_t plan_count, plan_generation;
    esp_alloc_failed_hook_t failed_callback;
    bool started;                              // heap_caps_enable_nonos_stack_heaps has run
    pthread_mutex_t registry_lock;             // guards registration of heaps and mappings
    struct hl_heap *registry[HL_REGISTRY_MAX]; // every heap of this chip, oldest first
    _Atomic uint32_t registry_count;
    _Atomic(struct hl_heap *) handles[HL_HANDLE_SLOTS]; // open addressing, see registry.h
    struct hl_tracking_state *tracking;
    struct {
        uint32_t array; // chip address of the saved minima
        uint32_t count;
    } monitor;
    struct hl_range
        mapped[HL_MAPPED_MAX]; // page-aligned ranges with memory behind them; only grows
    struct hl_range reserved[HL_MAPPED_MAX]; // in place: address space held for the chip
    uint32_t reserved_count;
    void *reservation; // elsewhere: the address space that holds all chip addresses
    _Atomic uint32_t mapped_count;
    _Atomic uint64_t fault_count;
    struct hl_fault last_fault;
};

extern _Thread_local struct hl_chip *hl_chip_here __attribute__((tls_model("initial-exec")));
extern _Atomic(struct hl_chip *) hl_chip_everywhere;

// Acquire: pairs with the release in hl_chip_use_everywhere.
static inline struct hl_chip *hl_current(void) {
    struct hl_chip *chip = hl_chip_here;
    return __builtin_expect(chip != NULL, 1)
               ? chip
               : atomic_load_explicit(&hl_chip_everywhere, memory_order_acquire);
}

// Whom to tell of a call. Acquire: pairs with the release in hl_chip_trace_calls.
static inline const struct hl_tracer *hl_tracer_of(const struct hl_chip *chip) {
    return atomic_load_explicit(&chip->calls_to, memory_order_acquire);
}

// Lets the chip's tracer see calls, or spares both for a while.
void hl_chip_trace_calls(struct hl_chip *chip, bool on);

static inline struct hl_region_heap *hl_first_heap(const struct hl_chip *chip) {
    return atomic_load_explicit(&chip->heaps, memory_order_acquire);
}

static inline struct hl_region_heap *hl_next_heap(const struct hl_region_heap *entry) {
    return atomic_load_explicit(&entry->next, memory_order_acquire);
}

static inline struct hl_heap *hl_registered(const struct hl_region_heap *entry) {
    return atomic_load_explicit(&entry->heap, memory_order_acquire);
}

static inline void *hl_host(const struct hl_chip *chip, uint32_t address) {
    return (void *)(chip->base + address); // NOLINT: the whole point
}

#endif
