// SPDX-License-Identifier: Apache-2.0
//
// The documents' heap tracing session as a C program that links the package's product and starts the chip itself.

#include <stdio.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "esp_heap_trace.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "heapline_esp.h"

static heap_trace_record_t records[100];

static void leak(void *unused) {
    (void)unused;
    heap_caps_malloc(20, MALLOC_CAP_DEFAULT);
    vTaskDelay(1);
    heap_caps_malloc(22, MALLOC_CAP_DEFAULT);
}

int main(void) {
    struct hl_esp_config config = {.chip = {.target = "esp32", .idf = HL_IDF_5_5}, .skip_idle = true};
    if (hl_esp_start(&config) != 0)
        return 1;
    ESP_ERROR_CHECK(heap_trace_init_standalone(records, 100));
    ESP_ERROR_CHECK(heap_trace_start(HEAP_TRACE_LEAKS));
    if (!hl_esp_call(1, 5, 3000, "leaky", leak, NULL))
        return 1;
    ESP_ERROR_CHECK(heap_trace_stop());
    unsigned found = 0;
    for (size_t i = 0; i < heap_trace_get_count(); i++) {
        heap_trace_record_t record; // in order; the buffer itself has gaps where blocks were freed
        ESP_ERROR_CHECK(heap_trace_get(i, &record));
        found += (record.ccount & 1) == 1 && (record.size == 20 || record.size == 22);
    }
    heap_trace_dump();
    hl_esp_stop();
    return found == 2 ? 0 : 1;
}
