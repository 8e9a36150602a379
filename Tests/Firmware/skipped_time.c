// SPDX-License-Identifier: Apache-2.0
//
// Time jumps over 15 s in which every task waits; the delay that comes next ends while another task keeps its core busy, so that
// only the timekeeper can end it. Prints the milliseconds that this delay of 50 took.
#include <stdio.h>

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

static volatile int done;
static TaskHandle_t boss;

static void busy(void *context) {
    (void)context;
    while (!done)
        taskYIELD();
    vTaskDelete(NULL);
}

static void late(void *context) {
    (void)context;
    vTaskDelay(pdMS_TO_TICKS(15000));
    xTaskNotifyGive(boss);
    vTaskDelete(NULL);
}

void app_main(void) {
    boss = xTaskGetCurrentTaskHandle();
    xTaskCreatePinnedToCore(late, "late", 4096, NULL, 1, NULL, 1);
    TickType_t until = xTaskGetTickCount() + 5; // the timekeeper sleeps until `late` is due
    while (xTaskGetTickCount() < until)
        taskYIELD();
    ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    xTaskCreatePinnedToCore(busy, "busy", 4096, NULL, 1, NULL, 1);
    TickType_t begin = xTaskGetTickCount();
    vTaskDelay(pdMS_TO_TICKS(50));
    done = 1;
    printf("delayed %u ms\n", (unsigned)((xTaskGetTickCount() - begin) * portTICK_PERIOD_MS));
}
