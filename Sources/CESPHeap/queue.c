// SPDX-License-Identifier: Apache-2.0
//
// FreeRTOS queues.  Tasks blocked on one are served by priority, then first come, first served.

#include "queue.h"

#include <string.h>

struct hl_queue *hl_queue_create(UBaseType_t length, UBaseType_t item_bytes, uint8_t *storage, void *control) {
    size_t items = (size_t)length * item_bytes;
    struct hl_queue *queue =
        hl_object_create(HL_OBJECT_QUEUE, sizeof *queue, HL_QUEUE_CONTROL_BYTES + items, control);
    if (!queue)
        return NULL;
    memset(queue->object.handle, 0, HL_QUEUE_CONTROL_BYTES);
    queue->storage = control ? storage : (uint8_t *)queue->object.handle + HL_QUEUE_CONTROL_BYTES;
    queue->length = length;
    queue->item_bytes = item_bytes;
    return queue;
}

QueueHandle_t xQueueCreate(UBaseType_t length, UBaseType_t item_bytes) {
    if (length == 0)
        hl_kernel_fault(__func__, "a queue has at least one item");
    struct hl_queue *queue = hl_queue_create(length, item_bytes, NULL, NULL);
    if (!queue)
        return NULL;
    hl_object_publish(&queue->object);
    return queue->object.handle;
}

QueueHandle_t xQueueCreateStatic(UBaseType_t length, UBaseType_t item_bytes, uint8_t *storage, StaticQueue_t *memory) {
    if (length == 0 || !memory || (item_bytes != 0) != (storage != NULL))
        hl_kernel_fault(__func__, "length, storage and control structure must fit together");
    struct hl_queue *queue = hl_queue_create(length, item_bytes, storage, memory);
    if (!queue)
        return NULL;
    hl_object_publish(&queue->object);
    return queue->object.handle;
}

static struct hl_queue *find(const char *call, QueueHandle_t handle) {
    return hl_object_find(call, HL_OBJECT_QUEUE, handle);
}

void vQueueDelete(QueueHandle_t handle) {
    hl_kernel_lock();
    struct hl_queue *queue = find(__func__, handle);
    if (hl_kernel_has_waiter(&queue->senders) || hl_kernel_has_waiter(&queue->receivers))
        hl_kernel_fault(__func__, "a task waits on %p", (void *)handle);
    hl_object_unlink(&queue->object);
    hl_kernel_unlock();
    hl_object_free(&queue->object);
}

static uint8_t *item_at(const struct hl_queue *queue, UBaseType_t index) {
    return queue->storage + (size_t)(index % queue->length) * queue->item_bytes;
}

static void put(struct hl_queue *queue, const void *item, BaseType_t position) {
    UBaseType_t index = queue->first + queue->count;
    if (position == queueSEND_TO_FRONT) {
        queue->first = (queue->first + queue->length - 1) % queue->length;
        index = queue->first;
    } else if (position == queueOVERWRITE && queue->count > 0) {
        index = queue->first;
        queue->count--;
    }
    if (queue->item_bytes > 0)
        memcpy(item_at(queue, index), item, queue->item_bytes);
    queue->count++;
}

BaseType_t xQueueGenericSend(QueueHandle_t handle, const void *item, TickType_t ticks, BaseType_t position) {
    hl_kernel_lock();
    struct hl_queue *queue = find(__func__, handle);
    if (!item && queue->item_bytes > 0)
        hl_kernel_fault(__func__, "no item to send");
    uint64_t deadline = hl_kernel_deadline_us(ticks);
    bool late = ticks == 0;
    while (queue->count == queue->length && position != queueOVERWRITE) {
        if (late) {
            hl_kernel_unlock();
            return errQUEUE_FULL;
        }
        late = !hl_kernel_block_until(__func__, &queue->senders, deadline);
    }
    put(queue, item, position);
    hl_kernel_wake(&queue->receivers);
    hl_kernel_unlock();
    return pdPASS;
}

static BaseType_t receive(const char *call, QueueHandle_t handle, void *item, TickType_t ticks, bool take) {
    hl_kernel_lock();
    struct hl_queue *queue = find(call, handle);
    if (!item && queue->item_bytes > 0)
        hl_kernel_fault(call, "no place for the item");
    uint64_t deadline = hl_kernel_deadline_us(ticks);
    bool late = ticks == 0;
    while (queue->count == 0) {
        if (late) {
            hl_kernel_unlock();
            return errQUEUE_EMPTY;
        }
        late = !hl_kernel_block_until(call, &queue->receivers, deadline);
    }
    if (queue->item_bytes > 0)
        memcpy(item, item_at(queue, queue->first), queue->item_bytes);
    if (take) {
        queue->first = (queue->first + 1) % queue->length;
        queue->count--;
        hl_kernel_wake(&queue->senders);
    } else {
        hl_kernel_wake(&queue->receivers); // the item is still there for others
    }
    hl_kernel_unlock();
    return pdPASS;
}

BaseType_t xQueueReceive(QueueHandle_t handle, void *item, TickType_t ticks) {
    return receive(__func__, handle, item, ticks, true);
}

BaseType_t xQueuePeek(QueueHandle_t handle, void *item, TickType_t ticks) {
    return receive(__func__, handle, item, ticks, false);
}

BaseType_t xQueueReset(QueueHandle_t handle) {
    hl_kernel_lock();
    struct hl_queue *queue = find(__func__, handle);
    queue->first = queue->count = 0;
    hl_kernel_wake(&queue->senders);
    hl_kernel_unlock();
    return pdPASS;
}

UBaseType_t uxQueueMessagesWaiting(QueueHandle_t handle) {
    hl_kernel_lock();
    UBaseType_t count = find(__func__, handle)->count;
    hl_kernel_unlock();
    return count;
}

UBaseType_t uxQueueSpacesAvailable(QueueHandle_t handle) {
    hl_kernel_lock();
    const struct hl_queue *queue = find(__func__, handle);
    UBaseType_t spaces = queue->length - queue->count;
    hl_kernel_unlock();
    return spaces;
}

// The emulation has no interrupts: the calls written for them do not wait, and the switch has happened on return.
BaseType_t xQueueGenericSendFromISR(QueueHandle_t handle, const void *item, BaseType_t *woken, BaseType_t position) {
    if (woken)
        *woken = pdFALSE;
    return xQueueGenericSend(handle, item, 0, position);
}

BaseType_t xQueueReceiveFromISR(QueueHandle_t handle, void *item, BaseType_t *woken) {
    if (woken)
        *woken = pdFALSE;
    return xQueueReceive(handle, item, 0);
}
