// SPDX-License-Identifier: Apache-2.0
//
// Keeping the records of task tracking up to date. The chip's order of steps is kept even where it
// leaves a record behind, since each record is a block that later addresses depend on.

#include "task_tracking.h"

#include <stdlib.h>
#include <string.h>

#include "caps.h"
#include "heap_ops.h"
#include "port.h"
#include "task_records.h"
#include "tlsf.h"

bool hl_tracking_open(struct hl_chip *chip) {
    chip->tracking = calloc(1, sizeof *chip->tracking);
    return chip->tracking != NULL;
}

void hl_tracking_close(struct hl_chip *chip) {
    if (!chip->tracking)
        return;
    for (struct hl_statistics_array *array = chip->tracking->arrays, *next; array; array = next) {
        next = array->next;
        free(array->host);
        free(array);
    }
    free(chip->tracking);
    chip->tracking = NULL;
}

// v5.5 brought the records; before, there is only the owner word.
static bool has_records(const struct hl_chip *chip) {
    return chip->options.idf >= HL_IDF_5_5;
}

// Whether a heap has `size` bytes at a word address.
static bool is_in_heap(struct hl_chip *chip, uint32_t address, uint32_t size) {
    struct hl_region_heap *entry = hl_caps_find_heap(chip, address);
    if (entry && (address & 3) == 0 && entry->end - address >= size)
        return true;
    hl_fault_note(HL_FAULT_ACCESS, address, "heap task tracking: a record's link leads to 0x%08x",
                  address);
    return false;
}

// Records of all kinds are at least as long as the smallest; a longer one that was damaged ends in
// its heap's sentinel.
void *hl_record_at(struct hl_chip *chip, uint32_t address) {
    return address != 0 && is_in_heap(chip, address, sizeof(struct hl_alloc_record))
               ? hl_host(chip, address)
               : NULL;
}

struct hl_heap *hl_largest_heap(struct hl_chip *chip) {
    struct hl_heap *largest = NULL;
    for (struct hl_region_heap *entry = hl_first_heap(chip); entry; entry = hl_next_heap(entry)) {
        struct hl_heap *heap = hl_registered(entry);
        if (heap && (!largest || heap->size > largest->size))
            largest = heap;
    }
    return largest;
}

static uint32_t take_record(struct hl_chip *chip, uint32_t size) {
    struct hl_heap *heap = hl_largest_heap(chip);
    uint32_t record = heap ? hl_heap_malloc(heap, size) : 0;
    if (record == 0)
        hl_print(chip,
                 "E heap_task_tracking: Could not allocate memory to add new task statistics\n");
    return record;
}

static void give_record(struct hl_chip *chip, uint32_t record) {
    struct hl_region_heap *entry = record ? hl_caps_find_heap(chip, record) : NULL;
    if (entry)
        hl_heap_free(hl_registered(entry), record);
}

static uint32_t address_in(const struct hl_chip *chip, const void *field) {
    return (uint32_t)((uintptr_t)field - chip->base);
}

// Singly linked tail queues of the chip: `last` is the address of the word that the next element's
// address goes to.
static void append(struct hl_chip *chip, uint32_t *last, uint32_t element, uint32_t *element_next) {
    *element_next = 0;
    if (!is_in_heap(chip, *last, 4))
        return;
    *(uint32_t *)hl_host(chip, *last) = element;
    *last = address_in(chip, element_next);
}

static void add_alloc(struct hl_chip *chip, struct hl_heap_record *heap, uint32_t record,
                      uint32_t task, uint32_t address, uint32_t size) {
    if (record == 0 && (record = take_record(chip, sizeof(struct hl_alloc_record))) == 0)
        return;
    struct hl_alloc_record *alloc = hl_host(chip, record);
    alloc->task = task;
    alloc->address = address;
    alloc->size = size;
    append(chip, &heap->last, record, &alloc->next);
}

// Takes the record of an address out of its list; 0 when there is none.
static uint32_t take_alloc(struct hl_chip *chip, struct hl_heap_record *heap, uint32_t address) {
    uint32_t *link = &heap->first;
    for (struct hl_alloc_record *alloc; (alloc = hl_alloc_at(chip, *link)) != NULL;
         link = &alloc->next) {
        if (alloc->address != address)
            continue;
        uint32_t record = *link;
        *link = alloc->next;
        if (alloc->next == 0)
            heap->last = address_in(chip, link);
        return record;
    }
    return 0;
}

static struct hl_heap_record *heap_of(struct hl_chip *chip, struct hl_task_record *task,
                                      uint32_t heap) {
    uint32_t next = task->first;
    for (struct hl_heap_record *record; (record = hl_heap_record_at(chip, next)) != NULL;
         next = record->next)
        if (record->heap == heap)
            return record;
    return NULL;
}

static void add_heap(struct hl_chip *chip, struct hl_task_record *task,
                     const struct hl_region_heap *heap, uint32_t address, uint32_t size) {
    uint32_t record = take_record(chip, sizeof(struct hl_heap_record));
    if (record == 0)
        return;
    struct hl_heap_record *use = hl_host(chip, record);
    *use = (struct hl_heap_record){.heap = heap->start,
                                   .caps = heap->all_caps,
                                   .size = heap->end - heap->start,
                                   .current = size,
                                   .peak = size,
                                   .alloc_count = 1};
    use->last = address_in(chip, &use->first);
    task->heap_count++;
    append(chip, &task->last, record, &use->next);
    add_alloc(chip, use, 0, task->handle, address, size);
}

// Handles descend; among equal ones the newest is first.
static void link_task(struct hl_chip *chip, uint32_t record) {
    struct hl_task_record *task = hl_host(chip, record),
                          *other = hl_task_at(chip, chip->tracking->first);
    if (!other || task->handle >= other->handle) {
        task->next = chip->tracking->first;
        chip->tracking->first = record;
        return;
    }
    for (struct hl_task_record *previous = other;
         (other = hl_task_at(chip, previous->next)) != NULL; previous = other) {
        if (other->handle < task->handle) {
            task->next = previous->next;
            previous->next = record;
            return;
        }
    }
}

static struct hl_task_record *add_task(struct hl_chip *chip, uint32_t handle, uint32_t size) {
    uint32_t record = take_record(chip, sizeof(struct hl_task_record));
    if (record == 0)
        return NULL;
    struct hl_task_record *task = hl_host(chip, record);
    *task = (struct hl_task_record){.handle = handle, .is_alive = 1, .peak = size, .current = size};
    const char *name = handle == 0 ? "Pre-scheduler" : hl_port_task_name(chip, handle);
    strncpy(task->name, name ? name : "", sizeof task->name - 1);
    task->last = address_in(chip, &task->first);
    link_task(chip, record);
    return task;
}

static inline void raise_peak(uint32_t *peak, uint32_t current) {
    if (current > *peak)
        *peak = current;
}

void hl_tracking_allocated(struct hl_chip *chip, struct hl_region_heap *heap, uint32_t address,
                           uint32_t size) {
    if (!has_records(chip))
        return;
    uint32_t handle = hl_port_current_task(chip);
    hl_lock_acquire(&chip->tracking->lock, &chip->port);
    struct hl_task_record *task = NULL;
    uint32_t next = chip->tracking->first;
    while ((task = hl_task_at(chip, next)) != NULL && !(task->handle == handle && task->is_alive)) {
        next = task->handle < handle ? 0 : task->next;
    }
    struct hl_heap_record *use = NULL;
    if (task) {
        task->current += size;
        raise_peak(&task->peak, task->current);
        use = heap_of(chip, task, heap->start);
    }
    if (use) {
        use->current += size;
        use->alloc_count++;
        raise_peak(&use->peak, use->current);
        add_alloc(chip, use, 0, handle, address, size);
    } else if (task || (task = add_task(chip, handle, size)) != NULL) {
        add_heap(chip, task, heap, address, size);
    }
    hl_lock_release(&chip->tracking->lock);
}

void hl_tracking_reallocated(struct hl_chip *chip, struct hl_region_heap *heap,
                             uint32_t old_address, uint32_t address, uint32_t old_size,
                             uint32_t old_task, uint32_t size) {
    if (!has_records(chip))
        return;
    uint32_t handle = hl_port_current_task(chip), record = 0;
    bool is_listed = false;
    hl_lock_acquire(&chip->tracking->lock, &chip->port);
    uint32_t next = chip->tracking->first;
    for (struct hl_task_record *task; (task = hl_task_at(chip, next)) != NULL; next = task->next) {
        struct hl_heap_record *use = heap_of(chip, task, heap->start);
        if (use && task->handle == old_task) {
            record = take_alloc(chip, use, old_address);
            if (record != 0) {
                use->current -= old_size;
                use->alloc_count--;
                task->current -= old_size;
            }
        }
        if (task->handle == handle && task->is_alive) {
            task->current += size;
            if (use) {
                use->current += size;
                use->alloc_count++;
                raise_peak(&use->peak, use->current);
                add_alloc(chip, use, record, handle, address, size);
            }
            is_listed = true;
        }
        raise_peak(&task->peak, task->current);
    }
    struct hl_task_record *task = is_listed ? NULL : add_task(chip, handle, size);
    if (task)
        add_heap(chip, task, heap, address, size);
    hl_lock_release(&chip->tracking->lock);
}

// All records of a deleted task, then its own.
static void forget_task(struct hl_chip *chip, struct hl_task_record *task) {
    struct hl_heap_record *use;
    while ((use = hl_heap_record_at(chip, task->first)) != NULL) {
        struct hl_alloc_record *alloc;
        while ((alloc = hl_alloc_at(chip, use->first)) != NULL) {
            uint32_t record = use->first;
            use->first = alloc->next;
            give_record(chip, record);
        }
        uint32_t record = task->first;
        task->first = use->next;
        give_record(chip, record);
    }
    uint32_t *link = &chip->tracking->first;
    for (struct hl_task_record *other; (other = hl_task_at(chip, *link)) != NULL;
         link = &other->next) {
        if (other != task)
            continue;
        uint32_t record = *link;
        *link = task->next;
        give_record(chip, record);
        return;
    }
}

void hl_tracking_freeing(struct hl_chip *chip, struct hl_region_heap *heap, uint32_t address) {
    uint32_t block = address - chip->owner_size;
    if (!has_records(chip) || !hl_chip_is_mapped(chip, block & ~3u, 4))
        return;
    uint32_t owner = *(const uint32_t *)hl_host(chip, block & ~3u);
    if (owner == 0)
        return;
    struct hl_task_record *deleted = NULL;
    hl_lock_acquire(&chip->tracking->lock, &chip->port);
    uint32_t next = chip->tracking->first;
    for (struct hl_task_record *task; (task = hl_task_at(chip, next)) != NULL; next = task->next) {
        struct hl_heap_record *use =
            task->handle == owner ? heap_of(chip, task, heap->start) : NULL;
        uint32_t record = use ? take_alloc(chip, use, address) : 0;
        if (record != 0) {
            uint32_t size = ((struct hl_alloc_record *)hl_host(chip, record))->size;
            use->alloc_count--;
            use->current -= size;
            task->current -= size;
            give_record(chip, record);
        }
        // A task whose control block is freed is taken for deleted.
        if (task->handle == address) {
            task->is_alive = 0;
            deleted = task;
        }
    }
    if (deleted && chip->options.tracking == HL_TRACKING_ALIVE)
        forget_task(chip, deleted);
    hl_lock_release(&chip->tracking->lock);
}
