// SPDX-License-Identifier: Apache-2.0
//
// esp_system.h, esp_random.h, esp_cpu.h and what FreeRTOS's port takes from the heap.

#include "esp_system.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "esp_cpu.h"
#include "esp_heap_caps.h"
#include "esp_random.h"
#include "esp_rom_sys.h"
#include "kernel.h"

enum { MAXIMUM_SHUTDOWN_HANDLERS = 5, CYCLES_PER_MICROSECOND = 160 };

static shutdown_handler_t shutdown_handlers[MAXIMUM_SHUTDOWN_HANDLERS];

uint32_t esp_get_free_heap_size(void) {
    return (uint32_t)heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
}

uint32_t esp_get_free_internal_heap_size(void) {
    return (uint32_t)heap_caps_get_free_size(MALLOC_CAP_8BIT | MALLOC_CAP_DMA | MALLOC_CAP_INTERNAL);
}

uint32_t esp_get_minimum_free_heap_size(void) {
    return (uint32_t)heap_caps_get_minimum_free_size(MALLOC_CAP_DEFAULT);
}

size_t xPortGetFreeHeapSize(void) {
    return esp_get_free_heap_size();
}

size_t xPortGetMinimumEverFreeHeapSize(void) {
    return esp_get_minimum_free_heap_size();
}

void *pvPortMalloc(size_t size) {
    return heap_caps_malloc(size, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
}

void vPortFree(void *block) {
    heap_caps_free(block);
}

esp_err_t esp_register_shutdown_handler(shutdown_handler_t handler) {
    for (unsigned i = 0; i < MAXIMUM_SHUTDOWN_HANDLERS; i++) {
        if (shutdown_handlers[i] == handler)
            return ESP_ERR_INVALID_STATE;
        if (!shutdown_handlers[i]) {
            shutdown_handlers[i] = handler;
            return ESP_OK;
        }
    }
    return ESP_ERR_NO_MEM;
}

esp_err_t esp_unregister_shutdown_handler(shutdown_handler_t handler) {
    for (unsigned i = 0; i < MAXIMUM_SHUTDOWN_HANDLERS; i++) {
        if (shutdown_handlers[i] == handler) {
            shutdown_handlers[i] = NULL;
            return ESP_OK;
        }
    }
    return ESP_ERR_INVALID_STATE;
}

void esp_restart(void) {
    for (unsigned i = MAXIMUM_SHUTDOWN_HANDLERS; i > 0; i--) {
        if (shutdown_handlers[i - 1])
            shutdown_handlers[i - 1]();
    }
    fflush(NULL);
    exit(0);
}

void esp_system_abort(const char *details) {
    fflush(stdout);
    fprintf(stderr, "%s\n", details);
    abort();
}

void vAssertCalled(const char *condition, const char *file, int line) {
    fflush(stdout);
    fprintf(stderr, "assert failed: %s:%d (%s)\n", file, line, condition);
    abort();
}

esp_reset_reason_t esp_reset_reason(void) {
    return ESP_RST_POWERON;
}

// xorshift64*, one step per call; seeded once from HEAPLINE_ESP_SEED or the clock.
static uint64_t next_random(void) {
    static _Atomic uint64_t state;
    uint64_t now = atomic_load_explicit(&state, memory_order_relaxed);
    uint64_t next;
    do {
        uint64_t value = now;
        if (value == 0) {
            const char *seed = getenv("HEAPLINE_ESP_SEED");
            struct timespec time;
            clock_gettime(CLOCK_REALTIME, &time);
            value = seed ? strtoull(seed, NULL, 0) * 0x9E3779B97F4A7C15u + 1
                         : (uint64_t)time.tv_nsec * 0x9E3779B97F4A7C15u ^ (uint64_t)time.tv_sec;
            value |= 1;
        }
        value ^= value >> 12;
        value ^= value << 25;
        value ^= value >> 27;
        next = value;
    } while (!atomic_compare_exchange_weak_explicit(&state, &now, next, memory_order_relaxed, memory_order_relaxed));
    return next * 0x2545F4914F6CDD1Du;
}

uint32_t esp_random(void) {
    return (uint32_t)(next_random() >> 32);
}

void esp_fill_random(void *buffer, size_t length) {
    uint8_t *bytes = buffer;
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(next_random() >> 56);
}

uint32_t esp_cpu_get_cycle_count(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t nanoseconds = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return (uint32_t)(nanoseconds * CYCLES_PER_MICROSECOND / 1000);
}

int esp_cpu_get_core_id(void) {
    return xPortGetCoreID();
}

uint32_t esp_rom_get_cpu_ticks_per_us(void) {
    return CYCLES_PER_MICROSECOND;
}

void esp_rom_delay_us(uint32_t us) {
    uint64_t until = hl_kernel_now_us() + us;
    while (hl_kernel_now_us() < until)
        hl_kernel_checkpoint();
}
