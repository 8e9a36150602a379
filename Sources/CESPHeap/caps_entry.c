// SPDX-License-Identifier: Apache-2.0
//
// ESP-IDF's allocating functions: host pointers, tracing, defaults, preferences, and what happens
// on failure. Which memory it will be is decided in caps_alloc.c.

#include "caps_entry.h"

#include <stdarg.h>
#include <string.h>

#include "caps_plan.h"
#include "heap_hot.h"
#include "port.h"

// The result of an allocation as a pointer; a fault found on the way is raised here, with no lock
// held.
static inline void *finish(struct hl_chip *chip, uint32_t address) {
    if (__builtin_expect(address != 0, 1))
        return hl_host(chip, address);
    hl_fault_raise_noted(chip);
    return NULL;
}

// Always part of the public function that calls them, so their frame is its frame: there a traced call stack begins.
#define BASE_INLINE static inline __attribute__((always_inline))

// Base functions. `entry` is what the tracer is told; the cost without one is a load and a branch.

BASE_INLINE uint32_t base_alloc_from(struct hl_chip *chip, enum hl_entry entry, size_t alignment, size_t size,
                                     uint32_t caps, const void *frame) {
    if (__builtin_expect(size > UINT32_MAX || alignment > UINT32_MAX, 0))
        return 0;
    const struct hl_tracer *tracer = hl_tracer_of(chip);
    if (__builtin_expect(tracer == NULL, 1))
        return hl_caps_alloc(chip, (uint32_t)alignment, (uint32_t)size, caps);
    struct hl_traced_call call = {.frame = frame, .entry = entry, .size = size, .caps = caps};
    if (tracer->before_allocation)
        tracer->before_allocation(tracer->context, chip, &call);
    uint32_t address = hl_caps_alloc(chip, (uint32_t)alignment, (uint32_t)size, caps);
    tracer->after(tracer->context, chip, &call,
                        address ? hl_host(chip, address) : NULL);
    return address;
}

BASE_INLINE uint32_t base_alloc(struct hl_chip *chip, enum hl_entry entry, size_t alignment, size_t size, uint32_t caps) {
    return base_alloc_from(chip, entry, alignment, size, caps, __builtin_frame_address(0));
}

// malloc and free of the commonest kind: no tracer, no rule but capabilities, and the first heap they lead to has room.
// If not, nothing was done.

HL_HOT void *alloc_as_planned(const struct hl_chip *chip, size_t size, uint32_t caps) {
    const struct hl_plan *plan = hl_plan_of(chip, caps);
    if (__builtin_expect(hl_tracer_of(chip) || !plan || plan->count == 0 || size - 1 >= plan->limit, 0))
        return NULL;
    uint32_t address = hl_heap_malloc_hot(plan->heaps[0], ((uint32_t)size + plan->rounding) & ~plan->rounding);
    return __builtin_expect(address != 0, 1) ? hl_host(chip, address) : NULL;
}

// `is_noted`: with a fault noted.
HL_HOT bool free_plainly(const struct hl_chip *chip, uint32_t pointer, bool *is_noted) {
    const struct hl_region_heap *entry = hl_first_heap_near(chip, pointer);
    if (__builtin_expect(hl_tracer_of(chip) || chip->owner_size != 0 || chip->options.hooks || !entry, 0) ||
        pointer - entry->start >= entry->end - entry->start)
        return false;
    struct hl_heap *heap = hl_registered(entry);
    if (__builtin_expect(!heap, 0))
        return false;
    *is_noted = !hl_heap_free_hot(heap, pointer);
    return true;
}

// The alignment that plain malloc asks for: v4.4 has a function of its own for aligned memory.
static inline uint32_t plain_alignment(const struct hl_chip *chip) {
    return chip->options.idf < HL_IDF_5_3 ? 0 : 4;
}

BASE_INLINE uint32_t base_malloc(struct hl_chip *chip, enum hl_entry entry, size_t size, uint32_t caps) {
    return base_alloc(chip, entry, plain_alignment(chip), size, caps);
}

BASE_INLINE uint32_t base_realloc(struct hl_chip *chip, enum hl_entry entry, void *ptr, size_t size, uint32_t caps) {
    if (size > UINT32_MAX)
        return 0;
    uint32_t old = hl_address_of(chip, ptr);
    const struct hl_tracer *tracer = hl_tracer_of(chip);
    if (tracer == NULL)
        return hl_caps_realloc(chip, old, (uint32_t)size, caps);
    struct hl_traced_call call = {.frame = __builtin_frame_address(0), .entry = entry, .old = ptr, .size = size, .caps = caps};
    tracer->before(tracer->context, chip, &call);
    uint32_t address = hl_caps_realloc(chip, old, (uint32_t)size, caps);
    tracer->after(tracer->context, chip, &call,
                        address ? hl_host(chip, address) : NULL);
    return address;
}

// The chip's size_t has 32 bits, and so has its overflow.
static bool multiply(size_t n, size_t size, uint32_t *product) {
    if (n > UINT32_MAX || size > UINT32_MAX) {
        *product = (uint32_t)(n * size);
        return false;
    }
    return !__builtin_mul_overflow((uint32_t)n, (uint32_t)size, product);
}

BASE_INLINE uint32_t base_calloc(struct hl_chip *chip, enum hl_entry entry, size_t n, size_t size, uint32_t caps) {
    struct hl_traced_call call = {.frame = __builtin_frame_address(0), .entry = entry, .caps = caps};
    const struct hl_tracer *tracer = hl_tracer_of(chip);
    uint32_t bytes, address = 0;
    bool fits = multiply(n, size, &bytes);
    call.size = fits ? bytes : 0;
    if (tracer && tracer->before_allocation)
        tracer->before_allocation(tracer->context, chip, &call);
    if (fits)
        address = hl_caps_alloc(chip, plain_alignment(chip), bytes, caps);
    if (address != 0)
        memset(hl_host(chip, address), 0, bytes);
    if (tracer)
        tracer->after(tracer->context, chip, &call,
                            address ? hl_host(chip, address) : NULL);
    return address;
}

BASE_INLINE void base_free_from(struct hl_chip *chip, uint32_t pointer, const void *frame) {
    const struct hl_tracer *tracer = hl_tracer_of(chip);
    bool done;
    if (__builtin_expect(tracer == NULL, 1)) {
        done = hl_caps_free(chip, pointer);
    } else {
        struct hl_traced_call call = {.frame = frame, .entry = HL_ENTRY_FREE, .old = pointer ? hl_host(chip, pointer) : NULL};
        tracer->before(tracer->context, chip, &call);
        done = hl_caps_free(chip, pointer);
    }
    if (__builtin_expect(!done, 0))
        hl_fault_raise_noted(chip);
}

// The callback first, then the stop if the configuration has it.
static void allocation_failed(struct hl_chip *chip, size_t size, uint32_t caps,
                              const char *function) {
    if (chip->failed_callback)
        chip->failed_callback(size, caps, function);
    if (chip->options.abort_on_failure)
        hl_fault_raise(chip, HL_FAULT_ABORT, 0, "Mem alloc fail. size 0x%08x caps 0x%08x",
                       (unsigned)size, caps);
}

// Raises a fault, or else reports a failure when memory was asked for.
static inline void *deliver(struct hl_chip *chip, uint32_t address, size_t wanted, size_t size,
                            uint32_t caps, const char *function) {
    if (__builtin_expect(address != 0, 1))
        return hl_host(chip, address);
    if (!hl_fault_raise_noted(chip) && wanted > 0)
        allocation_failed(chip, size, caps, function);
    return NULL;
}

esp_err_t heap_caps_register_failed_alloc_callback(esp_alloc_failed_hook_t callback) {
    struct hl_chip *chip = hl_current();
    if (!callback || !chip)
        return ESP_ERR_INVALID_ARG;
    chip->failed_callback = callback;
    return ESP_OK;
}

uint32_t hl_caps_malloc(struct hl_chip *chip, uint32_t size, uint32_t caps) {
    uint32_t address = base_malloc(chip, HL_ENTRY_MALLOC, size, caps);
    deliver(chip, address, size, size, caps, "heap_caps_malloc");
    return address;
}

void hl_caps_release(struct hl_chip *chip, uint32_t pointer) {
    base_free_from(chip, pointer, __builtin_frame_address(0));
}

void *heap_caps_malloc_base(size_t size, uint32_t caps) {
    struct hl_chip *chip = hl_current();
    return chip ? finish(chip, base_malloc(chip, HL_ENTRY_MALLOC, size, caps)) : NULL;
}

void *heap_caps_realloc_base(void *ptr, size_t size, uint32_t caps) {
    struct hl_chip *chip = hl_current();
    return chip ? finish(chip, base_realloc(chip, HL_ENTRY_REALLOC, ptr, size, caps)) : NULL;
}

void *heap_caps_calloc_base(size_t n, size_t size, uint32_t caps) {
    struct hl_chip *chip = hl_current();
    return chip ? finish(chip, base_calloc(chip, HL_ENTRY_CALLOC, n, size, caps)) : NULL;
}

void *heap_caps_aligned_alloc_base(size_t alignment, size_t size, uint32_t caps) {
    struct hl_chip *chip = hl_current();
    return chip ? finish(chip, base_alloc(chip, HL_ENTRY_ALIGNED, alignment, size, caps)) : NULL;
}

// The long ways of malloc and free, so that the short ones keep few registers. `frame` as in BASE_INLINE's note: the call
// of these is no tail call, or that frame would be gone.
#define KEEP_FRAME() __asm__ volatile("")

static __attribute__((noinline)) void *malloc_long(struct hl_chip *chip, size_t size, uint32_t caps,
                                                   const void *frame) {
    uint32_t address = base_alloc_from(chip, HL_ENTRY_MALLOC, plain_alignment(chip), size, caps, frame);
    return deliver(chip, address, size, size, caps, "heap_caps_malloc");
}

static __attribute__((noinline)) void free_long(struct hl_chip *chip, void *ptr, const void *frame) {
    base_free_from(chip, hl_address_of(chip, ptr), frame);
}

void *heap_caps_malloc(size_t size, uint32_t caps) {
    struct hl_chip *chip = hl_current();
    if (__builtin_expect(!chip, 0))
        return NULL;
    void *ptr = alloc_as_planned(chip, size, caps);
    if (__builtin_expect(ptr != NULL, 1))
        return ptr;
    ptr = malloc_long(chip, size, caps, __builtin_frame_address(0));
    KEEP_FRAME();
    return ptr;
}

void heap_caps_free(void *ptr) {
    struct hl_chip *chip = hl_current();
    bool is_noted = false;
    if (__builtin_expect(!ptr || !chip, 0))
        return;
    if (!free_plainly(chip, hl_address_of(chip, ptr), &is_noted))
        free_long(chip, ptr, __builtin_frame_address(0));
    else if (__builtin_expect(is_noted, 0))
        hl_fault_raise_noted(chip);
    KEEP_FRAME();
}

void heap_caps_aligned_free(void *ptr) {
    heap_caps_free(ptr);
}

void *heap_caps_realloc(void *ptr, size_t size, uint32_t caps) {
    struct hl_chip *chip = hl_current();
    return chip ? deliver(chip, base_realloc(chip, HL_ENTRY_REALLOC, ptr, size, caps), size, size,
                          caps, "heap_caps_realloc")
                : NULL;
}

void *heap_caps_calloc(size_t n, size_t size, uint32_t caps) {
    struct hl_chip *chip = hl_current();
    return chip ? deliver(chip, base_calloc(chip, HL_ENTRY_CALLOC, n, size, caps), size,
                          (uint32_t)(n * size), caps, "heap_caps_calloc")
                : NULL;
}

// Whether an aligned request makes sense at all; too large a one is a failure, the others are
// merely null.
static bool aligned_is_possible(struct hl_chip *chip, size_t alignment, size_t size, uint32_t caps,
                                const char *function) {
    if (alignment == 0 || (alignment & (alignment - 1)) != 0 || size == 0)
        return false;
    // The sum wraps on the chip.
    if ((size <= UINT32_MAX ? (uint32_t)size + chip->owner_size : size) >
        chip->limit + chip->owner_size) {
        allocation_failed(chip, size, caps, function);
        return false;
    }
    return true;
}

void *heap_caps_aligned_alloc(size_t alignment, size_t size, uint32_t caps) {
    struct hl_chip *chip = hl_current();
    if (!chip || !aligned_is_possible(chip, alignment, size, caps, "heap_caps_aligned_alloc"))
        return NULL;
    return deliver(chip, base_alloc(chip, HL_ENTRY_ALIGNED, alignment, size, caps), size, size,
                   caps, "heap_caps_aligned_alloc");
}

void *heap_caps_aligned_calloc(size_t alignment, size_t n, size_t size, uint32_t caps) {
    uint32_t bytes;
    if (!multiply(n, size, &bytes))
        return NULL;
    void *ptr = heap_caps_aligned_alloc(alignment, bytes, caps);
    return ptr ? memset(ptr, 0, bytes) : NULL;
}

// With external memory enabled: small requests prefer internal memory, large ones external, both
// take what there is.
static uint32_t default_caps(const struct hl_chip *chip, size_t size) {
    return size <= chip->external_limit ? MALLOC_CAP_DEFAULT | MALLOC_CAP_INTERNAL
                                        : MALLOC_CAP_DEFAULT | MALLOC_CAP_SPIRAM;
}

static bool external_is_enabled(const struct hl_chip *chip) {
    return chip->external_limit != SIZE_MAX;
}

void heap_caps_malloc_extmem_enable(size_t limit) {
    struct hl_chip *chip = hl_current();
    // On the chip the limit is an int whose -1 means off.
    if (chip)
        chip->external_limit = limit >= UINT32_MAX ? SIZE_MAX : limit;
}

void *heap_caps_malloc_default(size_t size) {
    struct hl_chip *chip = hl_current();
    if (!chip)
        return NULL;
    if (!external_is_enabled(chip)) {
        uint32_t caps = MALLOC_CAP_DEFAULT | MALLOC_CAP_INTERNAL;
        void *ptr = alloc_as_planned(chip, size, caps);
        if (__builtin_expect(ptr != NULL, 1))
            return ptr;
        return deliver(chip, base_malloc(chip, HL_ENTRY_MALLOC_DEFAULT, size, caps), size, size,
                       caps, "heap_caps_malloc");
    }
    uint32_t address = base_malloc(chip, HL_ENTRY_MALLOC_DEFAULT, size, default_caps(chip, size));
    if (address == 0 && size > 0 && !hl_fault_is_noted())
        address = base_malloc(chip, HL_ENTRY_MALLOC_DEFAULT, size, MALLOC_CAP_DEFAULT);
    return deliver(chip, address, size, size, MALLOC_CAP_DEFAULT, "heap_caps_malloc_default");
}

void *heap_caps_realloc_default(void *ptr, size_t size) {
    struct hl_chip *chip = hl_current();
    if (!chip)
        return NULL;
    if (!external_is_enabled(chip)) {
        uint32_t caps = MALLOC_CAP_DEFAULT | MALLOC_CAP_INTERNAL;
        return deliver(chip, base_realloc(chip, HL_ENTRY_REALLOC_DEFAULT, ptr, size, caps), size,
                       size, caps, "heap_caps_realloc");
    }
    uint32_t address =
        base_realloc(chip, HL_ENTRY_REALLOC_DEFAULT, ptr, size, default_caps(chip, size));
    if (address == 0 && size > 0 && !hl_fault_is_noted())
        address = base_realloc(chip, HL_ENTRY_REALLOC_DEFAULT, ptr, size, MALLOC_CAP_DEFAULT);
    return deliver(chip, address, size, size, MALLOC_CAP_DEFAULT, "heap_caps_realloc_default");
}

void *heap_caps_aligned_alloc_default(size_t alignment, size_t size) {
    struct hl_chip *chip = hl_current();
    if (!chip)
        return NULL;
    if (!external_is_enabled(chip))
        return heap_caps_aligned_alloc(alignment, size, MALLOC_CAP_DEFAULT | MALLOC_CAP_INTERNAL);
    const char *name = "heap_caps_aligned_alloc_default";
    if (!aligned_is_possible(chip, alignment, size, MALLOC_CAP_DEFAULT, name))
        return NULL;
    uint32_t address =
        base_alloc(chip, HL_ENTRY_ALIGNED_DEFAULT, alignment, size, default_caps(chip, size));
    if (address == 0 && !hl_fault_is_noted())
        address = base_alloc(chip, HL_ENTRY_ALIGNED_DEFAULT, alignment, size, MALLOC_CAP_DEFAULT);
    return deliver(chip, address, size, size, MALLOC_CAP_DEFAULT, name);
}

void *heap_caps_malloc_prefer(size_t size, size_t num, ...) {
    struct hl_chip *chip = hl_current();
    uint32_t address = 0, caps = MALLOC_CAP_DEFAULT;
    if (!chip)
        return NULL;
    va_list sets;
    va_start(sets, num);
    for (; num > 0 && address == 0 && !hl_fault_is_noted(); num--) {
        caps = va_arg(sets, uint32_t);
        address = base_malloc(chip, HL_ENTRY_MALLOC_PREFER, size, caps);
        if (size == 0)
            break;
    }
    va_end(sets);
    return deliver(chip, address, size, size, caps, "heap_caps_malloc_prefer");
}

void *heap_caps_realloc_prefer(void *ptr, size_t size, size_t num, ...) {
    struct hl_chip *chip = hl_current();
    uint32_t address = 0, caps = MALLOC_CAP_DEFAULT;
    if (!chip)
        return NULL;
    va_list sets;
    va_start(sets, num);
    for (; num > 0 && address == 0 && !hl_fault_is_noted(); num--) {
        caps = va_arg(sets, uint32_t);
        address = base_realloc(chip, HL_ENTRY_REALLOC_PREFER, ptr, size, caps);
        if (size == 0)
            break;
    }
    va_end(sets);
    return deliver(chip, address, size, size, caps, "heap_caps_realloc_prefer");
}

void *heap_caps_calloc_prefer(size_t n, size_t size, size_t num, ...) {
    struct hl_chip *chip = hl_current();
    uint32_t address = 0, caps = MALLOC_CAP_DEFAULT;
    if (!chip)
        return NULL;
    va_list sets;
    va_start(sets, num);
    for (; num > 0 && address == 0 && !hl_fault_is_noted(); num--) {
        caps = va_arg(sets, uint32_t);
        address = base_calloc(chip, HL_ENTRY_CALLOC_PREFER, n, size, caps);
        if (size == 0)
            break;
    }
    va_end(sets);
    return deliver(chip, address, size, size, caps, "heap_caps_calloc_prefer");
}
