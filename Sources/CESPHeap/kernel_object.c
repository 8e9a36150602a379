// SPDX-License-Identifier: Apache-2.0
//
// See kernel_object.h.  A small chained table by handle, guarded by the kernel lock.

#include "kernel_object.h"

#include <stdlib.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "kernel.h"

enum { BUCKETS = 256 };

static struct hl_object *buckets[BUCKETS];

static struct hl_object **bucket_of(const void *handle) {
    uintptr_t bits = (uintptr_t)handle;
    return &buckets[(bits >> 2 ^ bits >> 10) % BUCKETS];
}

void *hl_object_create(enum hl_object_kind kind, size_t host_bytes, size_t bytes, void *given) {
    void *block = given ? given : heap_caps_malloc(bytes, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
    if (!block)
        return NULL;
    struct hl_object *object = calloc(1, host_bytes);
    if (!object) {
        if (!given)
            heap_caps_free(block);
        return NULL;
    }
    object->handle = block;
    object->kind = kind;
    object->owns_memory = given == NULL;
    return object;
}

void hl_object_publish(struct hl_object *object) {
    hl_kernel_lock();
    struct hl_object **bucket = bucket_of(object->handle);
    object->next = *bucket;
    *bucket = object;
    hl_kernel_unlock();
}

void *hl_object_find(const char *call, enum hl_object_kind kind, const void *handle) {
    for (struct hl_object *object = *bucket_of(handle); object; object = object->next) {
        if (object->handle == handle && object->kind == kind)
            return object;
    }
    static const char *const names[] = {"object", "queue or semaphore", "event group", "timer"};
    hl_kernel_fault(call, "%p is no %s", handle, names[kind]);
}

void hl_object_unlink(struct hl_object *object) {
    struct hl_object **link = bucket_of(object->handle);
    while (*link != object)
        link = &(*link)->next;
    *link = object->next;
}

void hl_object_free(struct hl_object *object) {
    if (object->owns_memory)
        heap_caps_free(object->handle);
    free(object);
}
