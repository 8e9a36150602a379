// SPDX-License-Identifier: Apache-2.0
//
// All system calls of the recorder. They are made directly where libc's wrapper would set errno, be a cancellation point,
// or be interposed by ourselves.

#include "platform.h"
#include "atomics.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LARGE_PAGE ((uintptr_t)2 << 20)
#define OWN_RANGES 1024u // more are not remembered: a dump then takes them for the program's
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 // Linux 5.14
#endif

// Always inline: between the two returns of a clone that shares the stack no frame may come or go.
__attribute__((always_inline)) static inline long call(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
#endif
}
#define CALL(n, a, b, c, d, e, f) call((n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static int failed(long result) {
    return result < 0 && result > -4096;
}

// What hl_platform_map() gave and did not take back. A place is taken by its start; the length follows, and 0 is none yet.
static struct hl_range own[OWN_RANGES];

static void remember(uintptr_t at, size_t bytes) {
    for (uint32_t i = 0; i < OWN_RANGES; i++) {
        uintptr_t nobody = 0;
        if (hl_load_relaxed(&own[i].start) || !hl_cas(&own[i].start, &nobody, at)) continue;
        hl_store_release(&own[i].end, at + bytes); // pairs with the acquire in hl_platform_own()
        return;
    }
}

static void forget(uintptr_t at) {
    for (uint32_t i = 0; i < OWN_RANGES; i++) {
        if (hl_load_relaxed(&own[i].start) != at) continue; // only we give this range back
        hl_store_relaxed(&own[i].end, (uintptr_t)0);
        hl_store_release(&own[i].start, (uintptr_t)0); // pairs with the exchange in remember()
        return;
    }
}

uint32_t hl_platform_own(struct hl_range *ranges, uint32_t most) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < OWN_RANGES && count < most; i++) {
        struct hl_range range = {.end = hl_load_acquire(&own[i].end), .start = hl_load_relaxed(&own[i].start)};
        if (range.start < range.end) ranges[count++] = range;
    }
    return count;
}

void *hl_platform_map(size_t bytes) {
    long at = CALL(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (failed(at)) return NULL;
    remember((uintptr_t)at, (bytes + 4095) & ~(size_t)4095);
    return (void *)at;
}

const void *hl_platform_map_file(int fd, size_t bytes) {
    long at = CALL(SYS_mmap, 0, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    return failed(at) ? NULL : (const void *)at;
}

void hl_platform_unmap(void *at, size_t bytes) {
    forget((uintptr_t)at);
    CALL(SYS_munmap, at, bytes, 0, 0, 0, 0);
}

void *hl_platform_map_table(size_t lead, size_t bytes) {
    size_t before = (lead + 4095) & ~(size_t)4095;
    if (bytes < LARGE_PAGE) {
        char *memory = hl_platform_map(before + bytes);
        return memory ? memory + before - lead : NULL;
    }
    size_t whole = before + bytes + LARGE_PAGE;
    long at = CALL(SYS_mmap, 0, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (failed(at)) return NULL;
    uintptr_t table = ((uintptr_t)at + before + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
    uintptr_t start = table - before, end = (table + bytes + 4095) & ~(uintptr_t)4095;
    if (start != (uintptr_t)at) CALL(SYS_munmap, at, start - (uintptr_t)at, 0, 0, 0, 0);
    if (end != (uintptr_t)at + whole) CALL(SYS_munmap, end, (uintptr_t)at + whole - end, 0, 0, 0, 0);
    CALL(SYS_madvise, table, bytes, MADV_HUGEPAGE, 0, 0, 0); // as good without
    remember(start, end - start);
    return (void *)(table - lead);
}

void hl_platform_unmap_table(void *at, size_t lead, size_t bytes) {
    size_t before = (lead + 4095) & ~(size_t)4095;
    hl_platform_unmap((char *)at + lead - before, before + bytes);
}

int hl_platform_random(void *to, size_t bytes) {
    size_t done = 0;
    while (done < bytes) {
        size_t wanted = bytes - done < 256 ? bytes - done : 256; // so much is never cut by a signal
        long got = CALL(SYS_getrandom, (char *)to + done, wanted, GRND_NONBLOCK, 0, 0, 0);
        if (got <= 0) return 0;
        done += (size_t)got;
    }
    return 1;
}

void hl_platform_wipe(void *at, size_t bytes) {
    CALL(SYS_madvise, at, bytes, MADV_DONTNEED, 0, 0, 0);
}

// rt_sigprocmask copies the set in before it looks at `how`: with a `how` that does not exist it changes nothing, and
// answers EFAULT for memory that cannot be read, EINVAL otherwise. Unlike process_vm_readv no sandbox forbids it.
int hl_platform_readable(uintptr_t address) {
    return CALL(SYS_rt_sigprocmask, 0x7fffffff, address & ~(uintptr_t)7, 0, 8, 0, 0) != -EFAULT;
}

void hl_platform_wipe_on_fork(void *page, size_t bytes) {
    CALL(SYS_madvise, page, bytes, MADV_WIPEONFORK, 0, 0, 0);
}

void hl_platform_release(void *at, size_t bytes) {
    CALL(SYS_madvise, at, bytes, MADV_REMOVE, 0, 0, 0);
}

int hl_platform_open(const char *path, int flags) {
    return (int)CALL(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600, 0, 0);
}

void hl_platform_close(int fd) {
    CALL(SYS_close, fd, 0, 0, 0, 0, 0);
}

int hl_platform_create_shared(const char *path, size_t bytes, void **mapped) {
    int fd = hl_platform_open(path, O_RDWR | O_CREAT | O_EXCL);
    if (fd < 0) return fd;
    long result = CALL(SYS_ftruncate, fd, bytes, 0, 0, 0, 0);
    if (!failed(result)) {
        int place = *mapped ? MAP_FIXED : 0;
        result = CALL(SYS_mmap, *mapped, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | place, fd, 0);
        if (!failed(result)) *mapped = (void *)result;
    }
    // No descriptor stays open: the program's own numbers must not change, and it may close any it does not know.
    hl_platform_close(fd);
    if (!failed(result)) return 0;
    CALL(SYS_unlinkat, AT_FDCWD, path, 0, 0, 0, 0);
    return (int)result;
}

void hl_platform_touch(void *at, size_t bytes) {
    CALL(SYS_madvise, at, bytes, MADV_POPULATE_WRITE, 0, 0, 0);
}

int hl_platform_populate(void *at, size_t bytes, const char *path, size_t offset) {
    long result = CALL(SYS_madvise, at, bytes, MADV_POPULATE_WRITE, 0, 0, 0);
    if (result != -EINVAL) return (int)result;
    // Before Linux 5.14: storage through the file; the page faults then come one by one.
    int fd = hl_platform_open(path, O_RDWR);
    if (fd < 0) return fd;
    result = CALL(SYS_fallocate, fd, 0, offset, bytes, 0, 0);
    hl_platform_close(fd);
    return (int)result;
}

int64_t hl_platform_read(int fd, void *buffer, size_t bytes) {
    long got;
    do {
        got = CALL(SYS_read, fd, buffer, bytes, 0, 0, 0);
    } while (got == -EINTR);
    return got;
}

int hl_platform_file_status(int fd, struct hl_platform_file *file) {
    struct statx status;
    long result = CALL(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_SIZE | STATX_INO | STATX_CTIME, &status, 0);
    if (result != 0) return (int)result;
    file->bytes = (size_t)status.stx_size;
    file->inode = status.stx_ino;
    file->device = (uint64_t)status.stx_dev_major << 32 | status.stx_dev_minor;
    file->changed_ns = (uint64_t)status.stx_ctime.tv_sec * 1000000000u + status.stx_ctime.tv_nsec;
    return 0;
}

int64_t hl_platform_read_file(const char *path, char *buffer, size_t bytes) {
    int fd = hl_platform_open(path, O_RDONLY);
    if (fd < 0) return fd;
    int64_t total = 0;
    while (total < (int64_t)bytes - 1) {
        int64_t got = hl_platform_read(fd, buffer + total, bytes - 1 - (size_t)total);
        if (got <= 0) break;
        total += got;
    }
    buffer[total] = 0;
    hl_platform_close(fd);
    return total;
}

int64_t hl_platform_read_link(const char *path, char *buffer, size_t bytes) {
    long got = CALL(SYS_readlinkat, AT_FDCWD, path, buffer, bytes - 1, 0, 0);
    buffer[got > 0 ? got : 0] = 0;
    return got;
}

int hl_platform_write_all(int fd, const void *bytes, size_t count) {
    const char *at = bytes;
    while (count) {
        long wrote = CALL(SYS_write, fd, at, count, 0, 0, 0);
        if (wrote == -EINTR) continue;
        if (failed(wrote)) return (int)wrote;
        at += wrote;
        count -= (size_t)wrote;
    }
    return 0;
}

int hl_platform_rename(const char *from, const char *to) {
    return (int)CALL(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0, 0);
}

int hl_platform_unlink(const char *path) {
    return (int)CALL(SYS_unlinkat, AT_FDCWD, path, 0, 0, 0, 0);
}

int hl_platform_remove_directory(const char *path) {
    return (int)CALL(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR, 0, 0, 0);
}

int hl_platform_make_directory(const char *path) {
    return (int)CALL(SYS_mkdirat, AT_FDCWD, path, 0700, 0, 0, 0);
}

uint32_t hl_platform_pid(void) {
    return (uint32_t)CALL(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

uint32_t hl_platform_parent_pid(void) {
    return (uint32_t)CALL(SYS_getppid, 0, 0, 0, 0, 0, 0);
}

uint32_t hl_platform_tid(void) {
    return (uint32_t)CALL(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

void hl_platform_thread_name(char name[16]) {
    name[0] = 0;
    CALL(SYS_prctl, PR_GET_NAME, name, 0, 0, 0, 0);
    name[15] = 0;
}

uint32_t hl_platform_readable_below(uintptr_t page, uint32_t most) {
    // The kernel reads one byte of each page on our behalf and stops, without a signal, at the first it cannot.
    char bytes[64];
    struct iovec local = {bytes, sizeof bytes}, remote[64];
    if (most > 64) most = 64;
    for (uint32_t i = 0; i < most; i++) remote[i] = (struct iovec){(void *)(page - (i + 1) * 4096u), 1};
    long got = CALL(SYS_process_vm_readv, hl_platform_pid(), &local, 1, remote, most, 0);
    return failed(got) ? 0 : (uint32_t)got;
}

int64_t hl_platform_copy(void *to, uintptr_t from, size_t bytes) {
    struct iovec local = {to, bytes}, remote = {(void *)from, bytes};
    return CALL(SYS_process_vm_readv, hl_platform_pid(), &local, 1, &remote, 1, 0);
}

int64_t hl_platform_read_at(int fd, void *buffer, size_t bytes, uint64_t offset) {
    return CALL(SYS_pread64, fd, buffer, bytes, offset, 0, 0);
}

int64_t hl_platform_list(int fd, void *buffer, size_t bytes) {
    return CALL(SYS_getdents64, fd, buffer, bytes, 0, 0, 0);
}

int hl_platform_signal_thread(uint32_t tid, int number) {
    return (int)CALL(SYS_tgkill, hl_platform_pid(), tid, number, 0, 0, 0);
}

uint64_t hl_platform_main_stack_limit(void) {
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    CALL(SYS_prlimit64, 0, RLIMIT_STACK, 0, &limit, 0, 0);
    return limit.rlim_cur > (64u << 20) ? 64u << 20 : limit.rlim_cur;
}

static uint64_t clock_ns(int clock) {
    struct timespec now = {0, 0};
    clock_gettime(clock, &now); // mostly the vDSO; no errno on success
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t hl_platform_wall_ns(void) {
    return clock_ns(CLOCK_REALTIME);
}

uint64_t hl_platform_monotonic_ns(void) {
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t hl_platform_processor_ns(void) {
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint32_t hl_platform_core_count(void) {
    char text[64];
    // "0-7" or "0,2-3": the last number is the highest processor. sysconf() would read this with stdio.
    int64_t got = hl_platform_read_file("/sys/devices/system/cpu/possible", text, sizeof text);
    uint32_t value = 0, highest = 0;
    for (int64_t i = 0; i < got; i++) {
        if (text[i] >= '0' && text[i] <= '9') {
            value = value * 10 + (uint32_t)(text[i] - '0');
            highest = value;
        } else {
            value = 0;
        }
    }
    if (got > 0) return highest + 1;
    unsigned long mask[16] = {0};
    long bytes = CALL(SYS_sched_getaffinity, 0, sizeof mask, mask, 0, 0, 0);
    for (long i = 0; i < bytes * 8; i++)
        if (mask[i / 64] >> (i % 64) & 1) highest = (uint32_t)i;
    return highest + 1;
}

uint64_t hl_platform_block_signals(void) {
    uint64_t all = ~(uint64_t)0, before = 0;
    CALL(SYS_rt_sigprocmask, SIG_BLOCK, &all, &before, sizeof all, 0, 0);
    return before;
}

void hl_platform_restore_signals(uint64_t mask) {
    CALL(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof mask, 0, 0);
}

void hl_platform_yield(void) {
    CALL(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

int hl_platform_alive(uint32_t pid) {
    return CALL(SYS_kill, pid, 0, 0, 0, 0, 0) != -ESRCH;
}

void hl_platform_wait(uint32_t *word, uint32_t value, uint32_t timeout_ms) {
    struct timespec timeout = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
    CALL(SYS_futex, word, FUTEX_WAIT, value, &timeout, 0, 0);
}

void hl_platform_wake(uint32_t *word) {
    CALL(SYS_futex, word, FUTEX_WAKE, 0x7fffffff, 0, 0, 0);
}

// glibc >= 2.35 registers an rseq area for each thread and says where. Weak: older libraries lack the names.
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

int64_t hl_platform_rseq_offset(void) {
    if (!&__rseq_offset || !&__rseq_size || __rseq_size == 0) return 0;
    return __rseq_offset;
}

int hl_platform_spawn_detached(const char *path, char *const arguments[], char *const environment[]) {
    // Signals are blocked so that no handler of the program runs in the child, which shares its memory until exec. The
    // clone sends no signal when it ends, so the program's wait() calls and SIGCHLD handlers never notice it.
    uint64_t all = ~(uint64_t)0, before = 0;
    CALL(SYS_rt_sigprocmask, SIG_BLOCK, &all, &before, sizeof all, 0, 0);
    volatile int error = 0;
    pid_t child = (pid_t)CALL(SYS_clone, CLONE_VM | CLONE_VFORK, 0, 0, 0, 0, 0);
    if (child == 0) {
        CALL(SYS_setsid, 0, 0, 0, 0, 0, 0);
        pid_t grandchild = (pid_t)CALL(SYS_clone, CLONE_VM | CLONE_VFORK, 0, 0, 0, 0, 0);
        if (grandchild == 0) {
            CALL(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, sizeof before, 0, 0);
            error = (int)CALL(SYS_execve, path, arguments, environment, 0, 0, 0);
            CALL(SYS_exit, 127, 0, 0, 0, 0, 0);
        }
        CALL(SYS_exit, 0, 0, 0, 0, 0, 0);
    }
    if (child > 0) CALL(SYS_wait4, child, 0, __WALL, 0, 0, 0);
    CALL(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, sizeof before, 0, 0);
    return child < 0 ? -EAGAIN : error;
}
