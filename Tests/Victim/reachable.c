// SPDX-License-Identifier: Apache-2.0
//
// reachable HOW: blocks whose verdicts are known by construction. Each kind has a size of its own, so that a trace is checked by size.
//
//   bytes  blocks  verdict       what leads to them
//   1008   3       unreachable   nothing: lost
//   1040   1+9     unreachable 1, indirect 9   a list whose head was lost
//   1072   1+3     unreachable 1, indirect 3   a ring
//   1104   2       reachable     a global variable
//   1136   1       reachable     a thread-local variable of the main thread
//   1168   1       reachable     a pointer to its inside
//   1200   1       reachable     a word in a mapping of the program's own
//   1232   1       reachable     a local variable of main's
//   1264   5       reachable     a list whose head is a global variable
// With threads that still run at the end:
//   1296   1       reachable     another thread's stack
//   1328   1       reachable     another thread's register only
//   1360   1       reachable     another thread's thread-local variable
//   1392   1       reachable     the stack of a thread that sleeps in poll()
// With a thread that has ended:
//   1424   1       unreachable   its stack, which is nobody's any more
// Waiting until its input ends, with 100 blocks made after that:
//   1488   100     reachable     each from the next
// With a child by fork:
//   1456   1       unreachable   (in the child) nothing

#include "victim.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct link {
    struct link *next;
};

static void *volatile globals[2];
static struct link *volatile list;
static void *volatile inside;
static __thread void *volatile local;

// Overwrites what calls before have left below the stack pointer and in registers.
__attribute__((noinline)) static void forget(void) {
    char volatile area[16384];
    memset((char *)area, 0, sizeof area);
    victim_sink = NULL;
#if defined(__x86_64__)
    __asm__ volatile("xor %%eax, %%eax; xor %%ebx, %%ebx; xor %%ecx, %%ecx; xor %%edx, %%edx; xor %%esi, %%esi; xor %%edi, %%edi\n"
                     "xor %%r8d, %%r8d; xor %%r9d, %%r9d; xor %%r10d, %%r10d; xor %%r11d, %%r11d; xor %%r12d, %%r12d\n"
                     "xor %%r13d, %%r13d; xor %%r14d, %%r14d; xor %%r15d, %%r15d" ::
                         : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc");
#endif
}

__attribute__((noinline)) static void *zeroed(size_t size) {
    return memset(victim_allocate(size), 0, size);
}

__attribute__((noinline)) static struct link *chain(size_t size, int count, int is_ring) {
    struct link *first = NULL, *last = NULL;
    for (int i = 0; i < count; i++) {
        struct link *link = zeroed(size);
        link->next = first;
        if (!last) last = link;
        first = link;
    }
    if (is_ring) last->next = first;
    return first;
}

__attribute__((noinline)) static void build(void) {
    for (int i = 0; i < 3; i++) zeroed(1008);
    chain(1040, 10, 0);
    chain(1072, 4, 1);
    globals[0] = zeroed(1104);
    globals[1] = zeroed(1104);
    local = zeroed(1136);
    inside = (char *)zeroed(1168) + 100;
    void **mapped = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mapped[1000] = zeroed(1200);
    list = chain(1264, 5, 0);
    forget();
}

static int ready;
static void is_ready(void) {
    __atomic_fetch_add(&ready, 1, __ATOMIC_RELEASE);
}

static void *with_stack(void *unused) {
    void *volatile here[4] = {zeroed(1296)};
    local = zeroed(1360);
    forget();
    is_ready();
    for (;;) here[1] = here[0];
    return unused;
}

static void *with_register(void *unused) {
#if defined(__x86_64__)
    register void *block __asm__("r13") = zeroed(1328);
    victim_sink = NULL;
    __asm__ volatile("sub $20000, %%rsp; mov $2000, %%ecx; 1: movq $0, (%%rsp, %%rcx, 8); loop 1b; add $20000, %%rsp"
                     : "+r"(block)::"rcx", "cc", "memory");
    is_ready();
    __asm__ volatile("1: pause; jmp 1b" : "+r"(block));
#else
    void *volatile block = zeroed(1328);
    is_ready();
    for (;;) victim_sink = block;
#endif
    return unused;
}

static void *in_poll(void *unused) {
    void *volatile here = zeroed(1392);
    is_ready();
    // An early end would be seen: the program's status says so.
    if (poll(NULL, 0, -1) < 0) _exit(3);
    return here ? unused : NULL;
}

static void *ending(void *unused) {
    void *volatile here[4] = {zeroed(1424)};
    here[1] = here[0];
    victim_sink = NULL;
    return unused;
}

static void start(void *(*body)(void *), int waits) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, NULL)) abort();
    if (waits) pthread_join(thread, NULL);
}

static void with_threads(void) {
    start(with_stack, 0);
    start(with_register, 0);
    start(in_poll, 0);
    while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) < 3) sched_yield();
}

int victim_reachable(int argc, char **argv) {
    const char *how = argc > 2 ? argv[2] : "return";
    void *volatile here = zeroed(1232);
    build();
    if (!strcmp(how, "threads")) with_threads();
    if (!strcmp(how, "ended")) start(ending, 1);
    if (!strcmp(how, "_exit")) _exit(0);
    if (!strcmp(how, "kill")) abort();
    if (!strcmp(how, "wait")) {
        char byte;
        while (read(0, &byte, 1) > 0) {
        }
        list = chain(1488, 100, 0);
    }
    if (!strcmp(how, "fork")) {
        pid_t child = fork();
        if (child == 0) {
            zeroed(1456);
            forget();
            exit(here ? 0 : 1);
        }
        int status;
        waitpid(child, &status, 0);
    }
    forget();
    exit(here ? 0 : 1);
}
