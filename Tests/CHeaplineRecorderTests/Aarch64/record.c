// SPDX-License-Identifier: Apache-2.0
//
// Runs on aarch64 and writes down what its stack holds in several shapes of frames: registers, words of stack memory, and the
// frames that the C runtime's unwinder finds. replay.c walks them on any machine. Text, numbers in hexadecimal:
//
//   stack NAME PC SP FP       the registers where the stack was looked at
//   frame PC EXACT            the frames, inner to outer, as far as they are of this program
//   word ADDRESS VALUE        stack memory that is not zero, from SP up
//   end
//
// Its code and its stack lie at fixed addresses, at which other machines have nothing.
#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#define STACK ((char *)0x5000000000)
#define STACK_BYTES ((size_t)1 << 18)
#define SHAPE __attribute__((noinline, noclone))

extern const char __executable_start, etext;
static const char *name;
volatile int sink;

struct found {
    unsigned long from;
    int count;
    unsigned long pcs[256];
    int exact[256];
};

static _Unwind_Reason_Code add(struct _Unwind_Context *context, void *argument) {
    struct found *found = argument;
    int exact = 0;
    unsigned long pc = _Unwind_GetIPInfo(context, &exact);
    if (found->count == 0 && pc != found->from) return _URC_NO_REASON;
    if (pc < (unsigned long)&__executable_start || pc >= (unsigned long)&etext || found->count == 256) return _URC_END_OF_STACK;
    found->exact[found->count] = exact;
    found->pcs[found->count++] = pc;
    return _URC_NO_REASON;
}

void write_down(unsigned long pc, unsigned long sp, unsigned long fp);
void write_down(unsigned long pc, unsigned long sp, unsigned long fp) {
    static struct found found;
    found = (struct found){.from = pc};
    _Unwind_Backtrace(add, &found);
    printf("stack %s %lx %lx %lx\n", name, pc, sp, fp);
    for (int i = 0; i < found.count; i++) printf("frame %lx %d\n", found.pcs[i], found.exact[i]);
    for (unsigned long at = sp & ~7ul; at < (unsigned long)STACK + STACK_BYTES; at += 8)
        if (*(unsigned long *)at) printf("word %lx %lx\n", at, *(unsigned long *)at);
    printf("end\n");
    fflush(stdout);
}

// Stands for malloc's hook: the registers as its caller has them.
void probe(void);
void signal_return(void);
__asm__(".text\n"
        ".globl probe\n"
        ".type probe, %function\n"
        "probe:\n"
        "  .cfi_startproc\n"
        "  stp x29, x30, [sp, #-16]!\n"
        "  .cfi_adjust_cfa_offset 16\n"
        "  .cfi_offset x29, -16\n"
        "  .cfi_offset x30, -8\n"
        "  mov x0, x30\n"
        "  add x1, sp, #16\n"
        "  mov x2, x29\n"
        "  bl write_down\n"
        "  ldp x29, x30, [sp], #16\n"
        "  .cfi_adjust_cfa_offset -16\n"
        "  .cfi_restore x29\n"
        "  .cfi_restore x30\n"
        "  ret\n"
        "  .cfi_endproc\n"
        "  .size probe, . - probe\n"
        // As the kernel's: nothing describes it, it is known by its instructions; what lies before it is not probe's.
        "  nop\n"
        ".type signal_return, %function\n"
        "signal_return:\n"
        "  mov x8, #139\n"
        "  svc #0\n"
        "  .size signal_return, . - signal_return\n");

SHAPE static int plain(int depth) {
    if (depth > 0) return plain(depth - 1) + 1;
    probe();
    return sink;
}

SHAPE static int large(int depth) { // a frame beyond what one instruction can reserve
    volatile char room[9000];
    room[depth] = 1;
    return plain(depth) + room[depth];
}

SHAPE static int dynamic(int bytes) { // sp is unknown to the compiler: frame pointer
    volatile char *room = alloca((size_t)bytes);
    room[0] = 1;
    return plain(1) + room[0];
}

SHAPE static int variable(int count, ...) {
    va_list list;
    va_start(list, count);
    double sum = 0;
    for (int i = 0; i < count; i++) sum += va_arg(list, double);
    va_end(list);
    return plain(2) + (int)sum;
}

SHAPE static int saves(int a, int b, int c, int d, int e, int f, int g, int h) { // all preserved registers in use
    int x = a * b, y = c * d, z = e * f, w = g * h;
    int result = plain(1);
    return result + x + y + z + w + dynamic(100) + a + b + c + d + e + f + g + h;
}

SHAPE static int aligned(int depth) { // sp rounded down
    __attribute__((aligned(128))) volatile char room[128];
    room[depth] = 1;
    return plain(depth) + room[depth];
}

SHAPE static void handler(int number) {
    sink = number;
    plain(2);
}

SHAPE static int interrupted(int depth) {
    volatile char room[200];
    room[depth] = 1;
    // tgkill made here: the interrupted instruction is to be this function's.
    long process = getpid(), thread = syscall(SYS_gettid);
    register long x0 __asm__("x0") = process, x1 __asm__("x1") = thread, x2 __asm__("x2") = SIGUSR1;
    register long x8 __asm__("x8") = SYS_tgkill;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x8) : "memory");
    return room[depth];
}

static int run(const char *shape, int (*function)(int), int argument) {
    name = shape;
    return function(argument) + 1;
}

SHAPE static int variadic(int depth) {
    return variable(depth, 1.0, 2.0, 3.0) + 1;
}
SHAPE static int registers(int depth) {
    return saves(depth, 2, 3, 4, 5, 6, 7, 8) + 1;
}

static void *shapes(void *unused) {
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)(void);
        unsigned long mask;
    } action = {handler, 0x04000000 /* SA_RESTORER */, signal_return, 0};
    syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8);
    sink += run("plain", plain, 6) + run("large", large, 2) + run("dynamic", dynamic, 300);
    sink += run("variadic", variadic, 3) + run("registers", registers, 1) + run("aligned", aligned, 3);
    sink += run("signal", interrupted, 7);
    return unused;
}

int main(void) {
    if (mmap(STACK, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != STACK)
        return 1;
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    if (pthread_attr_setstack(&attributes, STACK, STACK_BYTES)) return 1;
    if (pthread_create(&thread, &attributes, shapes, NULL)) return 1;
    return pthread_join(thread, NULL);
}
