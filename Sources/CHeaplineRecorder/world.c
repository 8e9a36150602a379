// SPDX-License-Identifier: Apache-2.0
//
// See world.h. A thread that sleeps in a system call which a handler would end early (poll, nanosleep, …) is left asleep: the program
// would see an EINTR that it would not have seen without us. /proc tells its stack pointer and the call's arguments. One that blocks
// the signal is left alone too. Both are named in the image, so that a reader knows what was not seen.

#include "world.h"
#include "atomics.h"
#include "platform.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define PATIENCE_NS 200000000u // since the last thread answered

static struct hl_image_thread *listed; // the threads of the dump that is under way
static uint32_t listed_count;
static uint32_t answers;  // how many have answered, and a futex
static uint32_t released; // generation of the last dump that is over, and a futex
static uint32_t generation;
static int stop_signal; // once chosen, its handler stays: a signal may be delivered late

// MARK: The handler

static void note_registers(struct hl_image_thread *thread, const ucontext_t *context) {
#if defined(__x86_64__)
    for (uint32_t i = 0; i < NGREG; i++) thread->registers[i] = (uint64_t)context->uc_mcontext.gregs[i];
    thread->stack_pointer = (uint64_t)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    memcpy(thread->registers, context->uc_mcontext.regs, sizeof context->uc_mcontext.regs);
    thread->stack_pointer = context->uc_mcontext.sp;
#endif
    thread->thread_pointer = (uint64_t)(uintptr_t)__builtin_thread_pointer();
}

static void stop_here(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    uint32_t now = hl_load_acquire(&generation); // pairs with the release in hl_world_stop(): the list is complete
    if (now == hl_load_relaxed(&released)) return; // too late: that dump is over
    uint32_t tid = hl_platform_tid();
    for (uint32_t i = 0; i < listed_count; i++) {
        struct hl_image_thread *thread = &listed[i];
        if (thread->tid != tid || hl_load_relaxed(&thread->state) != HL_THREAD_UNKNOWN) continue;
        note_registers(thread, context);
        hl_store_release(&thread->state, (uint32_t)HL_THREAD_STOPPED); // pairs with the look in wait_for_answers()
        hl_add_relaxed(&answers, 1u);
        hl_platform_wake(&answers);
        uint32_t before;
        while ((before = hl_load_acquire(&released)) != now) hl_platform_wait(&released, before, 1000);
        return;
    }
}

// A real-time signal that the program left alone. 0 when it uses all of them.
static int choose_signal(void) {
    if (stop_signal) return stop_signal;
    for (int number = SIGRTMAX - 3; number > SIGRTMIN + 2; number--) {
        struct sigaction before;
        if (sigaction(number, NULL, &before) != 0 || before.sa_handler != SIG_DFL) continue;
        struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
        action.sa_sigaction = stop_here;
        sigfillset(&action.sa_mask);
        if (sigaction(number, &action, NULL) == 0) return stop_signal = number;
    }
    return 0;
}

// MARK: Sleeping threads

// System calls that end with EINTR after a handler, whatever its flags say.
static int ends_early(uint64_t call, const uint64_t *arguments) {
    switch (call) {
    case SYS_futex: return arguments[3] != 0; // with a time limit
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_ppoll:
    case SYS_pselect6:
    case SYS_epoll_pwait:
    case SYS_rt_sigtimedwait:
    case SYS_rt_sigsuspend:
    case SYS_semop:
    case SYS_semtimedop:
    case SYS_msgrcv:
    case SYS_msgsnd:
    case SYS_mq_timedreceive:
    case SYS_mq_timedsend:
    case SYS_recvmmsg:
    case SYS_io_getevents:
#if defined(SYS_poll)
    case SYS_poll:
    case SYS_select:
    case SYS_epoll_wait:
    case SYS_pause:
#endif
#if defined(SYS_epoll_pwait2)
    case SYS_epoll_pwait2:
#endif
#if defined(SYS_io_uring_enter)
    case SYS_io_uring_enter:
#endif
        return 1;
    default: return 0;
    }
}

static const char *number_at(const char *text, unsigned base, uint64_t *value) {
    while (*text == ' ' || *text == '\t') text++;
    if (text[0] == '0' && text[1] == 'x') text += 2;
    for (*value = 0;; text++) {
        unsigned digit = *text >= '0' && *text <= '9' ? (unsigned)(*text - '0')
                         : *text >= 'a' && *text <= 'f' ? (unsigned)(*text - 'a') + 10
                                                        : 99;
        if (digit >= base) return text;
        *value = *value * base + digit;
    }
}

// Whether the thread is to be left asleep; notes its stack pointer and arguments if so.
static int is_asleep(struct hl_image_thread *thread) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/self/task/%u/syscall", thread->tid);
    if (hl_platform_read_file(path, text, sizeof text) <= 0 || *text < '0' || *text > '9') return 0;
    uint64_t call, sp;
    const char *at = number_at(text, 10, &call);
    for (int i = 0; i < 6; i++) at = number_at(at, 16, &thread->registers[i]);
    number_at(at, 16, &sp);
    if (!ends_early(call, thread->registers)) return 0;
    thread->stack_pointer = sp;
    thread->state = HL_THREAD_ASLEEP;
    return 1;
}

static int blocks_signal(uint32_t tid, int number) {
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/self/task/%u/status", tid);
    if (hl_platform_read_file(path, text, sizeof text) <= 0) return 1;
    const char *at = strstr(text, "SigBlk:");
    uint64_t mask = 0;
    if (at) number_at(at + 7, 16, &mask);
    return !at || (mask >> (number - 1) & 1);
}

// MARK: All threads

struct entry { // struct linux_dirent64
    uint64_t inode;
    int64_t offset;
    uint16_t bytes;
    uint8_t type;
    char name[];
};

static uint32_t list_threads(struct hl_image_thread *threads, uint32_t count, uint32_t most) {
    char block[4096] __attribute__((aligned(8)));
    int folder = hl_platform_open("/proc/self/task", O_RDONLY | O_DIRECTORY);
    if (folder < 0) return count;
    uint32_t self = threads[0].tid;
    int64_t got;
    while ((got = hl_platform_list(folder, block, sizeof block)) > 0)
        for (int64_t at = 0; at < got; at += ((struct entry *)(block + at))->bytes) {
            uint64_t tid;
            const char *name = ((struct entry *)(block + at))->name;
            if (*name == '.' || count == most) continue;
            number_at(name, 10, &tid);
            if (tid != self) threads[count++] = (struct hl_image_thread){.tid = (uint32_t)tid, .state = HL_THREAD_UNKNOWN};
        }
    hl_platform_close(folder);
    return count;
}

static void wait_for_answers(uint32_t wanted) {
    uint32_t seen = 0, now;
    uint64_t since = hl_platform_monotonic_ns();
    while ((now = hl_load_acquire(&answers)) < wanted) {
        uint64_t time = hl_platform_monotonic_ns();
        if (now != seen) since = time;
        seen = now;
        if (time - since > PATIENCE_NS) return;
        hl_platform_wait(&answers, now, 20);
    }
}

uint32_t hl_world_stop(struct hl_image_thread *threads, uint32_t most, uintptr_t stack_pointer) {
    threads[0] = (struct hl_image_thread){
        .tid = hl_platform_tid(),
        .state = HL_THREAD_DUMPING,
        .stack_pointer = stack_pointer,
        .thread_pointer = (uint64_t)(uintptr_t)__builtin_thread_pointer(),
    };
    uint32_t count = list_threads(threads, 1, most);
    int number = count > 1 ? choose_signal() : 0;
    hl_store_relaxed(&answers, 0u); // nobody answers before the release below
    listed = threads;
    listed_count = count;
    hl_store_release(&generation, generation + 1); // pairs with the acquire in stop_here()
    uint32_t sent = 0;
    for (uint32_t i = 1; number && i < count; i++)
        if (!is_asleep(&threads[i]) && !blocks_signal(threads[i].tid, number) &&
            hl_platform_signal_thread(threads[i].tid, number) == 0)
            sent++;
    wait_for_answers(sent);
    return count;
}

void hl_world_go(void) {
    hl_store_release(&released, generation); // pairs with the acquire in stop_here()
    hl_platform_wake(&released);
}

// MARK: Ended threads

#define ENDED 4096u
static uintptr_t ended[ENDED]; // a hash table; the C library gives a stack to the next thread, so places repeat

static uint32_t place_of(uintptr_t thread_pointer) {
    return (uint32_t)((thread_pointer >> 12) * 2654435761u >> 20) % ENDED;
}

// Only where the control block says whose it is can a reader tell that nobody has put other things there since.
#if defined(__x86_64__)
enum { SELF_IS_KNOWN = 1 };
#else
enum { SELF_IS_KNOWN = 0 };
#endif

void hl_world_thread_ends(uintptr_t thread_pointer) {
    if (!SELF_IS_KNOWN) return;
    for (uint32_t i = 0, at = place_of(thread_pointer); i < 16; i++, at = (at + 1) % ENDED) {
        uintptr_t nobody = 0;
        if (hl_load_relaxed(&ended[at]) == thread_pointer || hl_cas(&ended[at], &nobody, thread_pointer)) return;
    }
}

void hl_world_thread_begins(uintptr_t thread_pointer) {
    for (uint32_t i = 0, at = place_of(thread_pointer); i < 16; i++, at = (at + 1) % ENDED)
        if (hl_load_relaxed(&ended[at]) == thread_pointer) hl_store_relaxed(&ended[at], (uintptr_t)0); // ours alone
}

uint32_t hl_world_ended(uint64_t *thread_pointers, uint32_t most) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < ENDED && count < most; i++) {
        uintptr_t thread_pointer = hl_load_relaxed(&ended[i]); // its thread is gone, or counts as it did before
        if (thread_pointer) thread_pointers[count++] = thread_pointer;
    }
    return count;
}
