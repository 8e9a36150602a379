// SPDX-License-Identifier: Apache-2.0
//
// Preemption by signal.  A task that computes without calling the emulation is stopped where it is, but only when the
// interrupted instruction belongs to the firmware's own code: then no frame of the host's libc or of the heap is on
// top, and no lock of theirs can be held by the instruction stream that stops.  Anywhere else the signal does nothing
// and the task gives way at its next call, or at the next tick.
//
// The firmware's code is the program's executable segments, provided this library is another module (heapline esp run
// links it as a shared object).  Linked into one module the two cannot be told apart, and preemption stays off.
// A task whose stack runs into its guard page ends here too, with the chip's message.

#include "preempt.h"

#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "kernel.h"

enum { MAXIMUM_SEGMENTS = 8, ALTERNATE_STACK_BYTES = 64 << 10 };

static struct {
    uintptr_t low, high;
} firmware[MAXIMUM_SEGMENTS];
static unsigned firmware_count;
static int preempt_signal;
static _Thread_local void *alternate_stack;

static uintptr_t interrupted_pc(const ucontext_t *context) {
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)context->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

static bool is_firmware(uintptr_t pc) {
    for (unsigned i = 0; i < firmware_count; i++) {
        if (pc >= firmware[i].low && pc < firmware[i].high)
            return true;
    }
    return false;
}

static void handle_preempt(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    if (hl_task_self && is_firmware(interrupted_pc(context)))
        hl_kernel_checkpoint();
}

static void say(const char *text) {
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

static void handle_access(int number, siginfo_t *info, void *context) {
    (void)context;
    const struct hl_task *self = hl_task_self;
    const char *address = info->si_addr;
    if (self && self->host_stack_low && address < self->host_stack_low + 4096 &&
        address >= self->host_stack_low - ((ptrdiff_t)1 << 20)) {
        say("\n***ERROR*** A stack overflow in task ");
        say(self->name);
        say(" has been detected.\n");
    }
    signal(number, SIG_DFL);
    raise(number);
}

static int collect(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    (void)context;
    uintptr_t self = (uintptr_t)&hl_preempt_enable;
    bool holds_library = false;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t low = info->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD && self >= low && self < low + header->p_memsz)
            holds_library = true;
    }
    for (unsigned i = 0; !holds_library && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD && (header->p_flags & PF_X) && firmware_count < MAXIMUM_SEGMENTS) {
            firmware[firmware_count].low = info->dlpi_addr + header->p_vaddr;
            firmware[firmware_count].high = firmware[firmware_count].low + header->p_memsz;
            firmware_count++;
        }
    }
    return 1; // the program itself comes first; nothing else is firmware
}

void hl_preempt_enable(void) {
    dl_iterate_phdr(collect, NULL);
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
    action.sa_sigaction = handle_access;
    sigaction(SIGSEGV, &action, NULL);
    if (firmware_count == 0)
        return;
    preempt_signal = SIGRTMIN + 4;
    // On the task's own stack: the handler blocks until the task gets a core again, and the alternate one is for faults.
    action = (struct sigaction){.sa_flags = SA_SIGINFO | SA_RESTART};
    action.sa_sigaction = handle_preempt;
    sigaction(preempt_signal, &action, NULL);
}

void hl_preempt(struct hl_task *task) {
    if (preempt_signal != 0)
        pthread_kill(task->thread, preempt_signal);
}

void hl_preempt_thread_begin(void) {
    void *memory = mmap(NULL, ALTERNATE_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    alternate_stack = memory;
    stack_t stack = {.ss_sp = memory, .ss_size = ALTERNATE_STACK_BYTES};
    sigaltstack(&stack, NULL);
}

void hl_preempt_thread_end(void) {
    stack_t none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, NULL);
    if (alternate_stack)
        munmap(alternate_stack, ALTERNATE_STACK_BYTES);
    alternate_stack = NULL;
}
