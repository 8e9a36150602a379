// SPDX-License-Identifier: Apache-2.0
//
// Making and renewing what caps_plan.h keeps.

#include "caps_plan.h"

#include <stdlib.h>

#include "caps.h"

// Firmware uses a handful of capability sets; a program that invents new ones for ever is served without plans.
enum { PLANS_MAX = 4096 };

static bool add(struct hl_plan *plan, struct hl_heap *heap) {
    for (uint32_t i = 0; i < plan->count; i++)
        if (plan->heaps[i] == heap)
            return true; // it failed once: it fails again
    if (plan->count == HL_PLAN_HEAPS)
        return false;
    plan->heaps[plan->count++] = heap;
    return true;
}

static bool fill(const struct hl_chip *chip, struct hl_plan *plan) {
    for (unsigned priority = 0; priority < HL_PRIORITIES; priority++)
        for (struct hl_region_heap *entry = hl_first_heap(chip); entry; entry = hl_next_heap(entry))
            if ((entry->caps[priority] & plan->caps) && hl_caps_match(entry, plan->caps) &&
                !add(plan, hl_registered(entry)))
                return false;
    return true;
}

// One that another set of capabilities took the slot of, or null.
static struct hl_plan *find(const struct hl_chip *chip, uint32_t caps) {
    struct hl_plan *plan = chip->all_plans;
    while (plan && plan->generation == chip->plan_generation && plan->caps != caps)
        plan = plan->next;
    return plan && plan->generation == chip->plan_generation ? plan : NULL;
}

static struct hl_plan *make(struct hl_chip *chip, uint32_t caps, uint32_t rounding) {
    struct hl_plan *plan = chip->plan_count < PLANS_MAX ? calloc(1, sizeof *plan) : NULL;
    if (!plan)
        return NULL;
    plan->caps = caps;
    plan->rounding = rounding;
    plan->limit = chip->limit;
    plan->generation = chip->plan_generation;
    if (!fill(chip, plan)) {
        free(plan);
        return NULL;
    }
    plan->next = chip->all_plans;
    chip->all_plans = plan;
    chip->plan_count++;
    return plan;
}

void hl_plan_make(struct hl_chip *chip, uint32_t caps, uint32_t rounding) {
    pthread_mutex_lock(&chip->registry_lock);
    struct hl_plan *plan = find(chip, caps);
    if (!plan)
        plan = make(chip, caps, rounding);
    // Release: pairs with the acquire in hl_plan_of.
    if (plan)
        atomic_store_explicit(&chip->plans[hl_plan_slot(caps)], plan, memory_order_release);
    pthread_mutex_unlock(&chip->registry_lock);
}

static struct hl_region_heap *first_in(const struct hl_chip *chip, uint32_t low, uint32_t high) {
    for (struct hl_region_heap *entry = hl_first_heap(chip); entry; entry = hl_next_heap(entry))
        if (entry->start <= high && entry->end > low)
            return entry;
    return NULL;
}

void hl_plans_renew(struct hl_chip *chip) {
    pthread_mutex_lock(&chip->registry_lock);
    chip->plan_generation++;
    for (unsigned slot = 0; slot < HL_PLAN_SLOTS; slot++)
        atomic_store_explicit(&chip->plans[slot], NULL, memory_order_release);
    if (!chip->places)
        chip->places = calloc(1, sizeof *chip->places);
    for (struct hl_region_heap *entry = hl_first_heap(chip); entry && chip->places; entry = hl_next_heap(entry)) {
        for (uint32_t place = entry->start >> HL_PLACE_SHIFT; place <= (entry->end - 1) >> HL_PLACE_SHIFT; place++) {
            uint32_t low = place << HL_PLACE_SHIFT;
            // Release: pairs with the acquire in hl_first_heap_near.
            atomic_store_explicit(&chip->places->first[place], first_in(chip, low, low | (HL_PLACES - 1)),
                                  memory_order_release);
        }
    }
    pthread_mutex_unlock(&chip->registry_lock);
}

void hl_plans_clear(struct hl_chip *chip) {
    for (struct hl_plan *plan = chip->all_plans, *next; plan; plan = next) {
        next = plan->next;
        free(plan);
    }
    free(chip->places);
}
