// SPDX-License-Identifier: Apache-2.0
//
// The idle task of each core: frees what tasks that deleted themselves left behind, and otherwise parks, so that its core
// can be taken without asking.  When all cores are parked, time may jump.

#include "kernel.h"
#include "task_memory.h"

void hl_kernel_idle(void *argument) {
    (void)argument;
    struct hl_task *self = hl_task_self;
    pthread_mutex_lock(&hl_kernel.lock);
    for (;;) {
        struct hl_task *dead = hl_kernel.reap;
        if (dead) {
            hl_kernel.reap = dead->next;
            void *stack = dead->stack, *control = dead->handle;
            bool owned = dead->owns_memory;
            hl_kernel_release(dead);
            hl_kernel_unlock();
            if (owned)
                hl_task_memory_free(stack, control);
            hl_kernel_yield();
            pthread_mutex_lock(&hl_kernel.lock);
            continue;
        }
        // Equals of the idle task share the core with it.  Under the same lock as parking: nobody gets ready in between.
        if (hl_kernel_give_way() || hl_kernel.reap)
            continue;
        self->parked = true;
        bool all_parked = true;
        for (unsigned core = 0; core < hl_kernel.cores; core++) {
            const struct hl_task *running = hl_kernel.running[core];
            all_parked &= running && running->parked;
        }
        if (all_parked)
            hl_kernel_skip_to_next_deadline();
        while (self->parked && !hl_kernel.reap) // whoever takes the core unparks
            pthread_cond_wait(&self->granted, &hl_kernel.lock);
        self->parked = false;
        hl_kernel_wait_for_core();
    }
}
