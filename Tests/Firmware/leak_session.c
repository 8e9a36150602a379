// SPDX-License-Identifier: Apache-2.0
//
// The session of ESP-IDF's documents: trace leaks of a piece of code, stop, dump.  Two tasks leak: main 100 bytes on
// core 0, "other" 20 and 22 of three allocations on core 1.  The trace shows these 3 records and 142 bytes.

#include <stdlib.h>

#include "esp_heap_trace.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

static heap_trace_record_t records[100];
void *volatile kept;

static void other(void *main_task) {
    for (int i = 0; i < 3; i++) {
        void *block = malloc((size_t)(20 + i));
        if (i == 1)
            free(block);
        vTaskDelay(2);
    }
    xTaskNotifyGive(main_task);
    vTaskDelete(NULL);
}

void app_main(void) {
    ESP_ERROR_CHECK(heap_trace_init_standalone(records, 100));
    ESP_ERROR_CHECK(heap_trace_start(HEAP_TRACE_LEAKS));
    kept = malloc(100);
    void *returned = malloc(50);
    free(returned);
    xTaskCreatePinnedToCore(other, "other", 3000, xTaskGetCurrentTaskHandle(), 5, NULL, 1);
    ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    vTaskDelay(10); // the idle task frees the stack meanwhile
    ESP_ERROR_CHECK(heap_trace_stop());
    heap_trace_dump();
}
