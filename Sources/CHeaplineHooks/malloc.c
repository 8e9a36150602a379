// SPDX-License-Identifier: Apache-2.0
//
// malloc and its family: call the next allocator, tell the recorder. The order matters: an allocation is recorded after it
// was made, a free before it is done, so that an address never seems to be in use twice. errno stays as the allocator left it.
//
// strdup, getline, asprintf and the like call malloc inside libc and are recorded there, as the untraced program's would be.

#include "heapline_hooks.h"
#include "next.h"
#include "record.h"

#include <errno.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default"), noinline)) // never split either: see hl_here()

const int hl_hooks_are_linked = 1;

// 1 when the rarer functions of the next allocator are known; 0 while they are being looked for.
static inline int ready(void) {
    if (hl_unlikely(!hl_next.posix_memalign)) hl_next_find();
    return hl_next.posix_memalign != NULL;
}

// malloc, free, calloc and realloc, by far the most called, each have three bodies: one that records, one for the modes that
// mostly only count, and the next allocator's itself when nothing is to be done. The hook jumps to one of them (musttail: the
// caller's frame stays the caller's), so that none pays for another's registers.
//
// Who only counts need not come back from the next allocator either, if the request cannot fail (hl_next.sure_below): it is counted
// and passed on by a jump. That saves more than a call: deep in a program, one more frame is one that the processor's stack of return
// addresses has no room for, and the outermost of them is then mispredicted. All other requests are watched: called, then counted.
#define JUMP __attribute__((musttail)) return

__attribute__((noinline)) static void *malloc_recorded(size_t size) {
    void *block = hl_next.malloc(size);
    hl_record_alloc(HL_KIND_ALLOC, (uintptr_t)block, size, hl_here());
    return block;
}

__attribute__((noinline)) static void *malloc_watched(size_t size) {
    void *block = hl_next.malloc(size);
    if (hl_likely(block != NULL) && hl_likely(hl_count_request(size))) return block;
    struct hl_registers here = hl_here();
    hl_record_alloc_otherwise(HL_KIND_ALLOC, (uintptr_t)block, size, here.pc, here.sp, here.fp);
    return block;
}

__attribute__((noinline)) static void *malloc_counted(size_t size) {
    if (hl_likely(size < hl_next.sure_below) && hl_likely(hl_count_request(size))) JUMP hl_next.malloc(size);
    JUMP malloc_watched(size);
}

EXPORT void *malloc(size_t size) {
    uint32_t state = hl_record_state();
    if (hl_likely(state == HL_GATE_RECORD)) JUMP malloc_recorded(size);
    if (state == HL_GATE_OFF) JUMP hl_next.malloc(size);
    JUMP malloc_counted(size);
}

__attribute__((noinline)) static void free_recorded(void *block) {
    hl_record_free(HL_KIND_FREE, (uintptr_t)block, hl_here());
    hl_next.free(block);
}

__attribute__((noinline)) static void free_otherwise(void *block) {
    struct hl_registers here = hl_here();
    hl_record_free_otherwise(HL_KIND_FREE, (uintptr_t)block, here.pc, here.sp, here.fp);
    hl_next.free(block);
}

__attribute__((noinline)) static void free_counted(void *block) {
    if (hl_likely(hl_count_free((uintptr_t)block))) JUMP hl_next.free(block);
    JUMP free_otherwise(block);
}

EXPORT void free(void *block) {
    if (!block || hl_unlikely(hl_next_in_arena(block))) return;
    uint32_t state = hl_record_state();
    if (hl_likely(state == HL_GATE_RECORD)) JUMP free_recorded(block);
    if (state == HL_GATE_OFF) JUMP hl_next.free(block);
    JUMP free_counted(block);
}

__attribute__((noinline)) static void *calloc_recorded(size_t count, size_t size) {
    void *block = hl_next.calloc(count, size);
    size_t bytes;
    if (hl_unlikely(__builtin_mul_overflow(count, size, &bytes))) bytes = SIZE_MAX;
    hl_record_alloc(HL_KIND_ALLOC, (uintptr_t)block, bytes, hl_here());
    return block;
}

__attribute__((noinline)) static void *calloc_watched(size_t count, size_t size) {
    void *block = hl_next.calloc(count, size);
    size_t bytes;
    if (hl_unlikely(__builtin_mul_overflow(count, size, &bytes))) bytes = SIZE_MAX;
    if (hl_likely(block != NULL) && hl_likely(hl_count_request(bytes))) return block;
    struct hl_registers here = hl_here();
    hl_record_alloc_otherwise(HL_KIND_ALLOC, (uintptr_t)block, bytes, here.pc, here.sp, here.fp);
    return block;
}

__attribute__((noinline)) static void *calloc_counted(size_t count, size_t size) {
    size_t bytes;
    if (hl_unlikely(__builtin_mul_overflow(count, size, &bytes))) JUMP calloc_watched(count, size);
    if (hl_likely(bytes < hl_next.sure_below) && hl_likely(hl_count_request(bytes))) JUMP hl_next.calloc(count, size);
    JUMP calloc_watched(count, size);
}

EXPORT void *calloc(size_t count, size_t size) {
    uint32_t state = hl_record_state();
    if (hl_likely(state == HL_GATE_RECORD)) JUMP calloc_recorded(count, size);
    if (state == HL_GATE_OFF) JUMP hl_next.calloc(count, size);
    JUMP calloc_counted(count, size);
}

// realloc's second half when the old block is known to be recorded as freed.
HL_HOT void after_realloc(void *old, void *block, size_t size, struct hl_registers from) {
    if (hl_likely(block != NULL)) {
        hl_record_alloc(HL_KIND_REALLOC_ALLOC, (uintptr_t)block, size, from);
        hl_record_reallocated();
    } else if (size) {
        hl_record_realloc_failed((uintptr_t)old, size);
    }
    // size 0 and null: the allocator freed the block; the record of the free stands for itself.
}

HL_SLOW static void *from_arena(void *old, size_t size) {
    // Blocks of the arena cannot grow; their size is unknown but bounded by the arena's end.
    void *block = malloc(size);
    if (block) memcpy(block, old, size < 4096 ? size : 4096);
    return block;
}

__attribute__((noinline)) static void *realloc_recorded(void *old, size_t size) {
    if (!old) {
        void *block = hl_next.realloc(NULL, size);
        hl_record_alloc(HL_KIND_ALLOC, (uintptr_t)block, size, hl_here());
        return block;
    }
    hl_record_free(size ? HL_KIND_REALLOC_FREE : HL_KIND_FREE, (uintptr_t)old, hl_here());
    void *block = hl_next.realloc(old, size);
    if (hl_likely(size)) {
        after_realloc(old, block, size, hl_here());
    } else if (block) { // some allocators give a minimal block instead
        hl_record_alloc(HL_KIND_ALLOC, (uintptr_t)block, 0, hl_here());
    }
    return block;
}

HL_SLOW static void realloc_otherwise(void *old, void *block, size_t size, uintptr_t pc, uintptr_t sp, uintptr_t fp) {
    after_realloc(old, block, size, (struct hl_registers){pc, sp, fp});
}

__attribute__((noinline)) static void *realloc_watched(void *old, size_t size) {
    if (hl_unlikely(!old || !size || !hl_count_free((uintptr_t)old))) JUMP realloc_recorded(old, size);
    void *block = hl_next.realloc(old, size);
    if (hl_likely(block != NULL) && hl_likely(hl_count_request(size))) {
        hl_record_reallocated();
        return block;
    }
    struct hl_registers here = hl_here();
    realloc_otherwise(old, block, size, here.pc, here.sp, here.fp);
    return block;
}

__attribute__((noinline)) static void *realloc_counted(void *old, size_t size) {
    if (hl_unlikely(size - 1 >= hl_next.sure_below)) JUMP realloc_watched(old, size); // or 0: what that does, is seen afterwards
    if (hl_likely(old ? hl_count_reallocation((uintptr_t)old, size) : hl_count_request(size))) JUMP hl_next.realloc(old, size);
    JUMP realloc_watched(old, size);
}

EXPORT void *realloc(void *old, size_t size) {
    if (hl_unlikely(hl_next_in_arena(old))) return from_arena(old, size);
    uint32_t state = hl_record_state();
    if (hl_likely(state == HL_GATE_RECORD)) JUMP realloc_recorded(old, size);
    if (state == HL_GATE_OFF) JUMP hl_next.realloc(old, size);
    JUMP realloc_counted(old, size);
}

EXPORT void *reallocarray(void *old, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    if (hl_unlikely(hl_next_in_arena(old))) return from_arena(old, bytes);
    if (!old) {
        void *block = hl_next.realloc(NULL, bytes);
        hl_record_alloc(HL_KIND_ALLOC, (uintptr_t)block, bytes, hl_here());
        return block;
    }
    hl_record_free(bytes ? HL_KIND_REALLOC_FREE : HL_KIND_FREE, (uintptr_t)old, hl_here());
    void *block = hl_next.realloc(old, bytes);
    if (hl_likely(bytes)) {
        after_realloc(old, block, bytes, hl_here());
    } else if (block) {
        hl_record_alloc(HL_KIND_ALLOC, (uintptr_t)block, 0, hl_here());
    }
    return block;
}

EXPORT int posix_memalign(void **result, size_t alignment, size_t size) {
    if (hl_unlikely(!ready())) return (*result = hl_next_arena(size, alignment)) ? 0 : ENOMEM;
    int error = hl_next.posix_memalign(result, alignment, size);
    if (error != EINVAL) hl_record_alloc(HL_KIND_ALLOC, error ? 0 : (uintptr_t)*result, size, hl_here());
    return error;
}

EXPORT void *aligned_alloc(size_t alignment, size_t size) {
    if (hl_unlikely(!ready())) return hl_next_arena(size, alignment);
    void *block = hl_next.aligned_alloc(alignment, size);
    hl_record_alloc(HL_KIND_ALLOC, (uintptr_t)block, size, hl_here());
    return block;
}

EXPORT void *memalign(size_t alignment, size_t size) {
    if (hl_unlikely(!ready())) return hl_next_arena(size, alignment);
    void *block = hl_next.memalign(alignment, size);
    hl_record_alloc(HL_KIND_ALLOC, (uintptr_t)block, size, hl_here());
    return block;
}

EXPORT void *valloc(size_t size) {
    if (hl_unlikely(!ready())) return hl_next_arena(size, 4096);
    void *block = hl_next.valloc(size);
    hl_record_alloc(HL_KIND_ALLOC, (uintptr_t)block, size, hl_here());
    return block;
}

EXPORT void *pvalloc(size_t size) {
    if (hl_unlikely(!ready())) return hl_next_arena((size + 4095) & ~(size_t)4095, 4096);
    void *block = hl_next.pvalloc(size);
    hl_record_alloc(HL_KIND_ALLOC, (uintptr_t)block, size, hl_here());
    return block;
}

// C23; where the allocator has none, its free does the same.
EXPORT void free_sized(void *block, size_t size) {
    if (!block || hl_next_in_arena(block) || !ready()) return;
    hl_record_free(HL_KIND_FREE, (uintptr_t)block, hl_here());
    hl_next_find_rare((void **)&hl_next.free_sized, "free_sized");
    if (hl_next.free_sized) hl_next.free_sized(block, size);
    else hl_next.free(block);
}

EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size) {
    if (!block || hl_next_in_arena(block) || !ready()) return;
    hl_record_free(HL_KIND_FREE, (uintptr_t)block, hl_here());
    hl_next_find_rare((void **)&hl_next.free_aligned_sized, "free_aligned_sized");
    if (hl_next.free_aligned_sized) hl_next.free_aligned_sized(block, alignment, size);
    else hl_next.free(block);
}

// cfree left glibc's headers in 2.26 and is still exported for old programs.
EXPORT void cfree(void *block) {
    if (!block || hl_next_in_arena(block) || !ready()) return;
    hl_record_free(HL_KIND_FREE, (uintptr_t)block, hl_here());
    hl_next.free(block);
}
