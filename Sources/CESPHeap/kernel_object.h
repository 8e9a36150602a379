// SPDX-License-Identifier: Apache-2.0
//
// Queues, event groups and timers have a block in the emulated heap, as large as on the chip, whose address is the
// handle; what the kernel needs to know about them is kept outside it, so firmware that overruns a block damages the
// emulated heap and not the emulation.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hl_object_kind { HL_OBJECT_QUEUE = 1, HL_OBJECT_EVENTS, HL_OBJECT_TIMER };

// Bytes of the chip's control structures (32-bit pointers, spin locks included).
enum { HL_QUEUE_CONTROL_BYTES = 84, HL_EVENTS_CONTROL_BYTES = 36, HL_TIMER_CONTROL_BYTES = 40 };

// Head of every kernel object.
struct hl_object {
    struct hl_object *next;
    void *handle;
    enum hl_object_kind kind;
    bool owns_memory;
};

// Allocates `bytes` of kernel memory, unless the program gave `given`, and makes the object's structure of `host_bytes`.
// NULL without memory.  Takes no lock.
void *hl_object_create(enum hl_object_kind kind, size_t host_bytes, size_t bytes, void *given);
// Puts a filled-in object where hl_object_find sees it.
void hl_object_publish(struct hl_object *object);
// Kernel lock held.  Ends the program with a message naming `call` when `handle` is none of that kind.
void *hl_object_find(const char *call, enum hl_object_kind kind, const void *handle);
// Takes it out; the caller then frees it with hl_object_free, outside the kernel lock.
void hl_object_unlink(struct hl_object *object);
void hl_object_free(struct hl_object *object);
