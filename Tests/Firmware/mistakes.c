// SPDX-License-Identifier: Apache-2.0
//
// One mistake, chosen by the first argument; each ends the program with a message that names the call.

#include <stdlib.h>
#include <string.h>

#include "esp_heap_trace.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "heapline_esp.h"

static int overflow(volatile char *outer) {
    volatile char frame[4096];
    frame[0] = outer[0];
    return overflow(frame) + frame[1];
}

static void overflow_stack(void *unused) {
    volatile char start = 0;
    overflow(&start);
}

static void fall_off(void *unused) {
}

void app_main(void) {
    const char *mistake = hl_esp_argument_count() > 1 ? hl_esp_argument(1) : "";
    if (strcmp(mistake, "wild-free") == 0) {
        free((void *)0x1234);
    } else if (strcmp(mistake, "double-free") == 0) {
        void *block = malloc(10);
        free(block);
        free(block);
    } else if (strcmp(mistake, "stack-overflow") == 0) {
        xTaskCreate(overflow_stack, "deep", 2048, NULL, 5, NULL);
        vTaskDelay(10);
    } else if (strcmp(mistake, "task-returns") == 0) {
        xTaskCreate(fall_off, "short", 2048, NULL, 5, NULL);
        vTaskDelay(10);
    } else if (strcmp(mistake, "bad-handle") == 0) {
        vTaskDelete((TaskHandle_t)0x3fce0000);
    } else if (strcmp(mistake, "bad-queue") == 0) {
        int value = 0;
        xQueueSend((QueueHandle_t)malloc(100), &value, 0);
    } else if (strcmp(mistake, "bad-core") == 0) {
        xTaskCreatePinnedToCore(fall_off, "third", 2048, NULL, 5, NULL, 2);
    } else if (strcmp(mistake, "foreign-give") == 0) {
        xSemaphoreGive(xSemaphoreCreateMutex());
    } else if (strcmp(mistake, "deadlock") == 0) {
        ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    } else if (strcmp(mistake, "no-host") == 0) {
        heap_trace_init_tohost();
        esp_err_t error = heap_trace_start(HEAP_TRACE_ALL);
        printf("start gave %s\n", esp_err_to_name(error));
    }
}
