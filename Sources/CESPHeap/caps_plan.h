// SPDX-License-Identifier: Apache-2.0
//
// What the capability allocator would find out again on every call, kept: which heaps a set of capabilities leads to, in
// which order, and which heap an address lies in. Both follow from the list of heaps alone, which only grows.
//
//     caps     → plan: heaps in the order of hl_caps_alloc's search, each once, and what sizes are rounded to
//     address  → place: address >> 16 → the first heap in search order that touches those 64 KiB; the heap sought is
//                that one or comes after it in the list

#ifndef HL_CAPS_PLAN_H
#define HL_CAPS_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "chip.h"

enum { HL_PLAN_HEAPS = 16, HL_PLACE_SHIFT = 16, HL_PLACES = 1 << (32 - HL_PLACE_SHIFT) };

// Never changes once published. Only for requests that no rule of hl_caps_alloc but priorities and rounding applies to:
// natural alignment, no instruction memory, no owner word, no hooks.
struct hl_plan {
    struct hl_plan *next;      // all of the chip's plans, to free them
    uint32_t caps;             // as asked for
    uint32_t rounding;         // sizes become multiples of rounding + 1
    uint32_t limit;            // largest request, before rounding
    uint32_t generation;       // of the chip's list of heaps
    uint32_t count;
    struct hl_heap *heaps[HL_PLAN_HEAPS];
};

struct hl_places {
    _Atomic(struct hl_region_heap *) first[HL_PLACES];
};

_Static_assert(HL_PLAN_SLOTS == 1 << 4, "slots are numbered by the upper 4 bits");
static inline unsigned hl_plan_slot(uint32_t caps) {
    return caps * 0x9e3779b1u >> 28;
}

// The plan for these capabilities if there is one now.
static inline const struct hl_plan *hl_plan_of(const struct hl_chip *chip, uint32_t caps) {
    // Acquire: pairs with the release in hl_plan_make.
    const struct hl_plan *plan = atomic_load_explicit(&chip->plans[hl_plan_slot(caps)], memory_order_acquire);
    return __builtin_expect(plan && plan->caps == caps, 1) ? plan : NULL;
}

// Makes the plan for `caps`, unless it has more heaps than a plan holds.
void hl_plan_make(struct hl_chip *chip, uint32_t caps, uint32_t rounding);

// A heap was linked or registered: plans are void, places are brought up to date. One caller at a time.
void hl_plans_renew(struct hl_chip *chip);
void hl_plans_clear(struct hl_chip *chip);

// Where the search for the heap of `address` may begin.
static inline struct hl_region_heap *hl_first_heap_near(const struct hl_chip *chip, uint32_t address) {
    // Acquire: pairs with the release in hl_plans_renew.
    return __builtin_expect(chip->places != NULL, 1)
               ? atomic_load_explicit(&chip->places->first[address >> HL_PLACE_SHIFT], memory_order_acquire)
               : hl_first_heap(chip);
}

#endif
