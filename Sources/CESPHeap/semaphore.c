// SPDX-License-Identifier: Apache-2.0
//
// Semaphores and mutexes on queues without items.  While a more urgent task waits for a mutex, its holder runs at that
// task's priority; it falls back when it holds no mutex any more.

#include "freertos/semphr.h"

#include "queue.h"

static SemaphoreHandle_t make(UBaseType_t maximum, UBaseType_t initial, bool mutex, bool recursive, void *memory) {
    struct hl_queue *queue = hl_queue_create(maximum, 0, NULL, memory);
    if (!queue)
        return NULL;
    queue->count = initial;
    queue->is_mutex = mutex;
    queue->is_recursive = recursive;
    hl_object_publish(&queue->object);
    return queue->object.handle;
}

SemaphoreHandle_t xSemaphoreCreateBinary(void) {
    return make(1, 0, false, false, NULL);
}

SemaphoreHandle_t xSemaphoreCreateBinaryStatic(StaticSemaphore_t *memory) {
    return make(1, 0, false, false, memory);
}

SemaphoreHandle_t xSemaphoreCreateCountingStatic(UBaseType_t maximum, UBaseType_t initial, StaticSemaphore_t *memory) {
    if (maximum == 0 || initial > maximum)
        hl_kernel_fault(__func__, "initial count %u of at most %u", initial, maximum);
    return make(maximum, initial, false, false, memory);
}

SemaphoreHandle_t xSemaphoreCreateCounting(UBaseType_t maximum, UBaseType_t initial) {
    return xSemaphoreCreateCountingStatic(maximum, initial, NULL);
}

SemaphoreHandle_t xSemaphoreCreateMutex(void) {
    return make(1, 1, true, false, NULL);
}

SemaphoreHandle_t xSemaphoreCreateMutexStatic(StaticSemaphore_t *memory) {
    return make(1, 1, true, false, memory);
}

SemaphoreHandle_t xSemaphoreCreateRecursiveMutex(void) {
    return make(1, 1, true, true, NULL);
}

SemaphoreHandle_t xSemaphoreCreateRecursiveMutexStatic(StaticSemaphore_t *memory) {
    return make(1, 1, true, true, memory);
}

static void lend_priority(struct hl_task *holder) {
    const struct hl_task *self = hl_task_self;
    if (holder && self && holder->priority < self->priority) {
        holder->priority = self->priority;
        hl_kernel_reconsider(holder);
    }
}

static BaseType_t take(const char *call, SemaphoreHandle_t handle, TickType_t ticks) {
    hl_kernel_lock();
    struct hl_queue *queue = hl_object_find(call, HL_OBJECT_QUEUE, handle);
    if (queue->item_bytes > 0)
        hl_kernel_fault(call, "%p is a queue", (void *)handle);
    if (queue->is_recursive && queue->holder && queue->holder == hl_task_self) {
        queue->recursion++;
        hl_kernel_unlock();
        return pdPASS;
    }
    uint64_t deadline = hl_kernel_deadline_us(ticks);
    bool late = ticks == 0;
    while (queue->count == 0) {
        if (late) {
            hl_kernel_unlock();
            return pdFAIL;
        }
        if (queue->is_mutex)
            lend_priority(queue->holder);
        late = !hl_kernel_block_until(call, &queue->receivers, deadline);
    }
    queue->count--;
    if (queue->is_mutex) {
        queue->holder = hl_task_self;
        queue->recursion = 1;
        if (hl_task_self)
            hl_task_self->mutexes_held++;
    }
    hl_kernel_unlock();
    return pdPASS;
}

static void release_mutex(struct hl_queue *queue) {
    struct hl_task *holder = queue->holder;
    queue->holder = NULL;
    if (holder && holder->mutexes_held > 0 && --holder->mutexes_held == 0 &&
        holder->priority != holder->base_priority) {
        holder->priority = holder->base_priority;
        hl_kernel_reconsider(holder);
    }
}

static BaseType_t give(const char *call, SemaphoreHandle_t handle) {
    hl_kernel_lock();
    struct hl_queue *queue = hl_object_find(call, HL_OBJECT_QUEUE, handle);
    if (queue->item_bytes > 0)
        hl_kernel_fault(call, "%p is a queue", (void *)handle);
    BaseType_t result = pdPASS;
    if (queue->is_mutex && queue->holder != hl_task_self) {
        hl_kernel_fault(call, "the mutex %p is not held by this task", (void *)handle);
    } else if (queue->is_recursive && queue->recursion > 1) {
        queue->recursion--;
    } else if (queue->count == queue->length) {
        result = pdFAIL;
    } else {
        if (queue->is_mutex)
            release_mutex(queue);
        queue->count++;
        hl_kernel_wake(&queue->receivers);
    }
    hl_kernel_unlock();
    return result;
}

BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t ticks) {
    return take(__func__, semaphore, ticks);
}

BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore) {
    return give(__func__, semaphore);
}

BaseType_t xSemaphoreTakeRecursive(SemaphoreHandle_t mutex, TickType_t ticks) {
    return take(__func__, mutex, ticks);
}

BaseType_t xSemaphoreGiveRecursive(SemaphoreHandle_t mutex) {
    return give(__func__, mutex);
}

BaseType_t xSemaphoreTakeFromISR(SemaphoreHandle_t semaphore, BaseType_t *woken) {
    if (woken)
        *woken = pdFALSE;
    return take(__func__, semaphore, 0);
}

BaseType_t xSemaphoreGiveFromISR(SemaphoreHandle_t semaphore, BaseType_t *woken) {
    if (woken)
        *woken = pdFALSE;
    return give(__func__, semaphore);
}

TaskHandle_t xSemaphoreGetMutexHolder(SemaphoreHandle_t handle) {
    hl_kernel_lock();
    const struct hl_queue *queue = hl_object_find(__func__, HL_OBJECT_QUEUE, handle);
    TaskHandle_t holder = queue->holder ? queue->holder->handle : NULL;
    hl_kernel_unlock();
    return holder;
}
