// SPDX-License-Identifier: Apache-2.0
//
// The unwinder's system calls; see unwind_system.h.
#include "unwind_system.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <linux/stat.h>
#include <linux/unistd.h>

static intptr_t call(long number, intptr_t a, intptr_t b, intptr_t c, intptr_t d, intptr_t e,
                     intptr_t f) {
#if defined(__x86_64__)
    intptr_t result;
    register intptr_t r10 __asm__("r10") = d;
    register intptr_t r8 __asm__("r8") = e;
    register intptr_t r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register intptr_t x8 __asm__("x8") = number;
    register intptr_t x0 __asm__("x0") = a;
    register intptr_t x1 __asm__("x1") = b;
    register intptr_t x2 __asm__("x2") = c;
    register intptr_t x3 __asm__("x3") = d;
    register intptr_t x4 __asm__("x4") = e;
    register intptr_t x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
#else
#error "Heapline records on x86-64 and aarch64"
#endif
}

intptr_t hl_system_open(const char *path) {
    return call(__NR_openat, AT_FDCWD, (intptr_t)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
}

intptr_t hl_system_read(int file, void *bytes, size_t count) {
    intptr_t result;
    do {
        result = call(__NR_read, file, (intptr_t)bytes, (intptr_t)count, 0, 0, 0);
    } while (result == -EINTR);
    return result;
}

intptr_t hl_system_status(int file, size_t *bytes, uint64_t *inode) {
    struct statx status;
    intptr_t result = call(__NR_statx, file, (intptr_t) "", AT_EMPTY_PATH, STATX_SIZE | STATX_INO,
                           (intptr_t)&status, 0);
    if (!hl_system_failed(result)) {
        *bytes = (size_t)status.stx_size;
        *inode = status.stx_ino;
    }
    return result;
}

void hl_system_close(int file) {
    call(__NR_close, file, 0, 0, 0, 0, 0);
}

void *hl_system_memory(size_t bytes) {
    intptr_t result = call(__NR_mmap, 0, (intptr_t)bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return hl_system_failed(result) ? NULL : (void *)result;
}

void hl_system_memory_populate(void *memory, size_t bytes) {
    call(__NR_madvise, (intptr_t)memory, (intptr_t)bytes, 23 /* MADV_POPULATE_WRITE, Linux 5.14 */, 0, 0, 0);
}

void hl_system_memory_wipe(void *memory, size_t bytes) {
    call(__NR_madvise, (intptr_t)memory, (intptr_t)bytes, MADV_DONTNEED, 0, 0, 0);
}

void hl_system_memory_drop(void *memory, size_t bytes) {
    call(__NR_munmap, (intptr_t)memory, (intptr_t)bytes, 0, 0, 0, 0);
}

const uint8_t *hl_system_map_file(int file, size_t bytes) {
    intptr_t result = call(__NR_mmap, 0, (intptr_t)bytes, PROT_READ, MAP_PRIVATE, file, 0);
    return hl_system_failed(result) ? NULL : (const uint8_t *)result;
}

// rt_sigprocmask copies the set in before it looks at `how`: with a `how` that does not exist it changes nothing, and
// answers EFAULT for memory that cannot be read, EINVAL otherwise. Unlike process_vm_readv no sandbox forbids it.
bool hl_system_readable(uintptr_t address) {
    return call(__NR_rt_sigprocmask, 0x7fffffff, (intptr_t)(address & ~(uintptr_t)7), 0, 8, 0, 0) !=
           -EFAULT;
}
