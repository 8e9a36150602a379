// SPDX-License-Identifier: Apache-2.0
//
// Tracing to the host with two tasks on two cores.  Each of 5 rounds loses 10 bytes and passes 20 bytes through a queue
// to the other core, which frees them: 5 blocks of 10 bytes stay.  Log lines go into the recording.

#include <stdlib.h>

#include "esp_heap_trace.h"
#include "esp_log.h"
#include "esp_sysview_heap_trace_module.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/task.h"

enum { ROUNDS = 5 };

static const char *TAG = "rounds";
static QueueHandle_t blocks;
static TaskHandle_t main_task;

static void consume(void *unused) {
    for (int i = 0; i < ROUNDS; i++) {
        void *block;
        xQueueReceive(blocks, &block, portMAX_DELAY);
        free(block);
    }
    xTaskNotifyGive(main_task);
    vTaskDelay(portMAX_DELAY);
}

void app_main(void) {
    main_task = xTaskGetCurrentTaskHandle();
    blocks = xQueueCreate(2, sizeof(void *));
    xTaskCreatePinnedToCore(consume, "consumer", 2500, NULL, 5, NULL, 1);
    esp_log_set_vprintf(esp_sysview_vprintf);
    ESP_ERROR_CHECK(heap_trace_init_tohost());
    ESP_ERROR_CHECK(heap_trace_start(HEAP_TRACE_ALL));
    for (int i = 0; i < ROUNDS; i++) {
        void *lost = malloc(10);
        void *block = malloc(20);
        ESP_LOGI(TAG, "round %d of %d, lost %p", i + 1, ROUNDS, lost);
        xQueueSend(blocks, &block, portMAX_DELAY);
        vTaskDelay(1);
    }
    ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    heap_trace_stop();
}
