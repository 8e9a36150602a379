// SPDX-License-Identifier: Apache-2.0
//
// Coroutines by swapcontext: stacks that are not the thread's, that take turns, and whose memory goes away and comes back.
#include "harness.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#define COUNT 4
#define BYTES (128u << 10)

static ucontext_t home;
static ucontext_t contexts[COUNT];
static int left_to_do[COUNT];

__attribute__((noinline)) static int work(int which, int left) {
    probe();
    if (left == 0) {
        swapcontext(&contexts[which], &home);
        probe();
        return 0;
    }
    int result = work(which, left - 1);
    harness_sink = result;
    return result + 1;
}

static void start(int which) {
    while (left_to_do[which]-- > 0) {
        work(which, (int)(harness_random() % 12));
    }
}

void victim_contexts(int rounds) {
    for (int round = 0; round < rounds; round++) {
        void *stacks[COUNT];
        size_t bytes = BYTES << (round & 1); // the same place, another size
        for (int i = 0; i < COUNT; i++) {
            stacks[i] = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            getcontext(&contexts[i]);
            contexts[i].uc_stack.ss_sp = stacks[i];
            contexts[i].uc_stack.ss_size = bytes;
            contexts[i].uc_link = &home;
            left_to_do[i] = 6;
            makecontext(&contexts[i], (void (*)(void))start, 1, i);
        }
        for (int turn = 0; turn < 5; turn++) {
            for (int i = 0; i < COUNT; i++) {
                swapcontext(&home, &contexts[i]);
                probe();
            }
        }
        for (int i = 0; i < COUNT; i++) {
            munmap(stacks[i], bytes);
        }
    }
}
