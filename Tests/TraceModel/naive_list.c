// SPDX-License-Identifier: Apache-2.0
//
// See naive_list.h.

#include "naive_list.h"

#include <string.h>

void naive_start(struct naive_list *list, bool leaks_only) {
    list->count = list->allocations = list->frees = 0;
    list->overflowed = false;
    list->leaks_only = leaks_only;
}

static void remove_at(struct naive_list *list, size_t index) {
    memmove(&list->records[index], &list->records[index + 1], (list->count - index - 1) * sizeof list->records[0]);
    list->count--;
}

void naive_add(struct naive_list *list, uintptr_t address, size_t size, unsigned core) {
    list->allocations++;
    if (list->count == list->capacity) {
        list->overflowed = true;
        remove_at(list, 0);
    }
    list->records[list->count++] = (struct naive_record){.address = address, .size = size, .core = core};
    if (list->count > list->high_water)
        list->high_water = list->count;
}

void naive_free(struct naive_list *list, uintptr_t address) {
    if (list->count == 0)
        return;
    list->frees++;
    for (size_t step = 0; step < list->count; step++) {
        size_t index = list->newest_first ? list->count - 1 - step : step;
        if (list->records[index].address != address)
            continue;
        if (list->leaks_only)
            remove_at(list, index);
        else
            list->records[index].freed = true;
        return;
    }
}
