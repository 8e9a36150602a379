// SPDX-License-Identifier: Apache-2.0
//
// A queue or semaphore as queue.c and semaphore.c share it.

#pragma once

#include "freertos/queue.h"
#include "kernel.h"
#include "kernel_object.h"

// Items lie in `storage` as a ring: item i at (first + i) mod length.  count ≤ length.
// A semaphore has items of 0 bytes.  A mutex also has a holder: count == 0 ⇔ holder != NULL.
struct hl_queue {
    struct hl_object object;
    uint8_t *storage;
    UBaseType_t length, item_bytes, first, count;
    char senders, receivers; // addresses to wait on
    bool is_mutex, is_recursive;
    struct hl_task *holder;
    UBaseType_t recursion;
};

struct hl_queue *hl_queue_create(UBaseType_t length, UBaseType_t item_bytes, uint8_t *storage, void *control);
