// SPDX-License-Identifier: Apache-2.0
//
// C++ operator new and delete. libstdc++'s and libc++'s call malloc and free and are recorded there: these hooks only pass on.
// jemalloc's, tcmalloc's and mimalloc's reach into the allocator directly: for those the hook allocates with the same library's malloc
// and records. An operator new that throws is always the original: no exception passes through our frames while we hold anything.

#include "next.h"
#include "record.h"

#include <stdint.h>

#define EXPORT __attribute__((visibility("default"), noinline)) // never split either: see hl_here()

struct operator {
    void *function;
    int by_allocator;
    int found;
};

static inline void *look_up(struct operator *operator, const char *name) {
    if (hl_unlikely(!operator->found)) {
        hl_next_find();
        operator->function = hl_next_operator(name, &operator->by_allocator);
        __atomic_store_n(&operator->found, 1, __ATOMIC_RELEASE); // two threads find the same
    }
    return operator->function;
}

typedef void *(*new_plain)(size_t);
typedef void *(*new_nothrow)(size_t, const void *);
typedef void *(*new_aligned)(size_t, size_t);
typedef void *(*new_aligned_nothrow)(size_t, size_t, const void *);

#define NEW(symbol, type, parameters, arguments, allocate)                                         \
    EXPORT void *symbol parameters {                                                               \
        static struct operator next;                                                               \
        type original = (type)look_up(&next, #symbol);                                             \
        if (next.by_allocator) {                                                                   \
            size_t bytes = size ? size : 1;                                                        \
            void *block = allocate;                                                                \
            if (hl_likely(block != NULL)) {                                                        \
                hl_record_alloc(HL_KIND_ALLOC, (uintptr_t)block, bytes, hl_here());                \
                return block;                                                                      \
            }                                                                                      \
        }                                                                                          \
        return original arguments;                                                                 \
    }

NEW(_Znwm, new_plain, (size_t size), (size), hl_next.malloc(bytes))
NEW(_Znam, new_plain, (size_t size), (size), hl_next.malloc(bytes))
NEW(_ZnwmRKSt9nothrow_t, new_nothrow, (size_t size, const void *tag), (size, tag), hl_next.malloc(bytes))
NEW(_ZnamRKSt9nothrow_t, new_nothrow, (size_t size, const void *tag), (size, tag), hl_next.malloc(bytes))
NEW(_ZnwmSt11align_val_t, new_aligned, (size_t size, size_t alignment), (size, alignment),
    hl_next.memalign(alignment, bytes))
NEW(_ZnamSt11align_val_t, new_aligned, (size_t size, size_t alignment), (size, alignment),
    hl_next.memalign(alignment, bytes))
NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, new_aligned_nothrow, (size_t size, size_t alignment, const void *tag),
    (size, alignment, tag), hl_next.memalign(alignment, bytes))
NEW(_ZnamSt11align_val_tRKSt9nothrow_t, new_aligned_nothrow, (size_t size, size_t alignment, const void *tag),
    (size, alignment, tag), hl_next.memalign(alignment, bytes))

#define DELETE(symbol, parameters, types, arguments)                                               \
    EXPORT void symbol parameters {                                                                \
        static struct operator next;                                                               \
        if (!block || hl_next_in_arena(block)) return;                                             \
        void(*original) types = (void(*) types)look_up(&next, #symbol);                            \
        if (next.by_allocator || !original)                                                        \
            hl_record_free(HL_KIND_FREE, (uintptr_t)block, hl_here());                             \
        if (original) original arguments;                                                          \
        else hl_next.free(block);                                                                  \
    }

DELETE(_ZdlPv, (void *block), (void *), (block))
DELETE(_ZdaPv, (void *block), (void *), (block))
DELETE(_ZdlPvm, (void *block, size_t size), (void *, size_t), (block, size))
DELETE(_ZdaPvm, (void *block, size_t size), (void *, size_t), (block, size))
DELETE(_ZdlPvSt11align_val_t, (void *block, size_t alignment), (void *, size_t), (block, alignment))
DELETE(_ZdaPvSt11align_val_t, (void *block, size_t alignment), (void *, size_t), (block, alignment))
DELETE(_ZdlPvmSt11align_val_t, (void *block, size_t size, size_t alignment), (void *, size_t, size_t),
       (block, size, alignment))
DELETE(_ZdaPvmSt11align_val_t, (void *block, size_t size, size_t alignment), (void *, size_t, size_t),
       (block, size, alignment))
DELETE(_ZdlPvRKSt9nothrow_t, (void *block, const void *tag), (void *, const void *), (block, tag))
DELETE(_ZdaPvRKSt9nothrow_t, (void *block, const void *tag), (void *, const void *), (block, tag))
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, (void *block, size_t alignment, const void *tag),
       (void *, size_t, const void *), (block, alignment, tag))
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, (void *block, size_t alignment, const void *tag),
       (void *, size_t, const void *), (block, alignment, tag))
