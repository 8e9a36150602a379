// SPDX-License-Identifier: Apache-2.0
//
// The FreeRTOS subset as firmware sees it.

#include "esp_heap_caps.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/event_groups.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "freertos/timers.h"
#include "unity.h"

enum { STACK = 3000 };

static TaskHandle_t tester;
static volatile int steps;
static volatile BaseType_t core_seen;

static void note_core(void *core) {
    core_seen = xPortGetCoreID();
    xTaskNotifyGive(tester);
    vTaskDelete(NULL);
}

TEST_CASE("tasks run on the core they are pinned to", "[tasks]") {
    tester = xTaskGetCurrentTaskHandle();
    for (BaseType_t core = 0; core < 2; core++) {
        core_seen = -1;
        TEST_ASSERT_EQUAL(pdPASS, xTaskCreatePinnedToCore(note_core, "pinned", STACK, NULL, 5, NULL, core));
        TEST_ASSERT_EQUAL(1, ulTaskNotifyTake(pdTRUE, 100));
        TEST_ASSERT_EQUAL(core, core_seen);
    }
}

static void wait_for_ever(void *unused) {
    vTaskDelay(portMAX_DELAY);
}

TEST_CASE("deleting a task gives stack and control block back", "[tasks]") {
    vTaskDelay(2); // an idle task frees what the tests before deleted
    size_t before = heap_caps_get_free_size(MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
    TaskHandle_t task;
    TEST_ASSERT_EQUAL(pdPASS, xTaskCreate(wait_for_ever, "sleeper", STACK, NULL, 5, &task));
    size_t during = heap_caps_get_free_size(MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
    TEST_ASSERT_GREATER_OR_EQUAL(STACK + 340, before - during);
    TEST_ASSERT_EQUAL_STRING("sleeper", pcTaskGetName(task));
    TEST_ASSERT_EQUAL(eSuspended, eTaskGetState(task)); // without a timeout, as FreeRTOS reports it
    vTaskDelete(task);
    TEST_ASSERT_EQUAL(before, heap_caps_get_free_size(MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT));
}

TEST_CASE("a stack that does not fit is refused", "[tasks]") {
    TEST_ASSERT_EQUAL(errCOULD_NOT_ALLOCATE_REQUIRED_MEMORY,
                      xTaskCreate(wait_for_ever, "huge", 1 << 24, NULL, 5, NULL));
}

static void count_steps(void *unused) {
    for (;;) {
        steps++;
        ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    }
}

TEST_CASE("a more urgent task runs at once", "[priorities]") {
    TaskHandle_t task;
    steps = 0;
    xTaskCreatePinnedToCore(count_steps, "urgent", STACK, NULL, 5, &task, xPortGetCoreID());
    TEST_ASSERT_EQUAL(1, steps);
    xTaskNotifyGive(task);
    TEST_ASSERT_EQUAL(2, steps);
    vTaskPrioritySet(task, 0);
    xTaskNotifyGive(task);
    TEST_ASSERT_EQUAL(2, steps);
    vTaskDelay(2);
    TEST_ASSERT_EQUAL(3, steps);
    vTaskDelete(task);
}

static void compute(void *unused) {
    for (;;)
        steps++;
}

TEST_CASE("a task that makes no calls shares its core", "[priorities]") {
    TaskHandle_t task;
    steps = 0;
    xTaskCreatePinnedToCore(compute, "busy", STACK, NULL, uxTaskPriorityGet(NULL), &task, xPortGetCoreID());
    vTaskDelay(3);
    TEST_ASSERT_GREATER_THAN(0, steps);
    vTaskDelete(task);
    int then = steps;
    vTaskDelay(3);
    TEST_ASSERT_EQUAL(then, steps);
}

TEST_CASE("suspended tasks stand still", "[tasks]") {
    TaskHandle_t task;
    steps = 0;
    xTaskCreatePinnedToCore(compute, "busy", STACK, NULL, 1, &task, 1);
    vTaskDelay(3);
    vTaskSuspend(task);
    vTaskDelay(1);
    int then = steps;
    TEST_ASSERT_GREATER_THAN(0, then);
    vTaskDelay(3);
    TEST_ASSERT_EQUAL(then, steps);
    TEST_ASSERT_EQUAL(eSuspended, eTaskGetState(task));
    vTaskResume(task);
    vTaskDelay(3);
    TEST_ASSERT_GREATER_THAN(then, steps);
    vTaskDelete(task);
}

static QueueHandle_t queue;

static void send_numbers(void *count) {
    for (intptr_t i = 0; i < (intptr_t)count; i++)
        xQueueSend(queue, &i, portMAX_DELAY);
    vTaskDelete(NULL);
}

TEST_CASE("a queue keeps the order and blocks when full", "[queue]") {
    queue = xQueueCreate(3, sizeof(intptr_t));
    xTaskCreatePinnedToCore(send_numbers, "sender", STACK, (void *)20, 5, NULL, 1);
    for (intptr_t expected = 0; expected < 20; expected++) {
        intptr_t value = -1;
        TEST_ASSERT_EQUAL(pdPASS, xQueueReceive(queue, &value, 100));
        TEST_ASSERT_EQUAL(expected, value);
    }
    intptr_t none;
    TickType_t start = xTaskGetTickCount();
    TEST_ASSERT_EQUAL(errQUEUE_EMPTY, xQueueReceive(queue, &none, 5));
    TEST_ASSERT_INT_WITHIN(1, 5, xTaskGetTickCount() - start);
    intptr_t a = 1, b = 2;
    xQueueSend(queue, &a, 0);
    xQueueSendToFront(queue, &b, 0);
    TEST_ASSERT_EQUAL(2, uxQueueMessagesWaiting(queue));
    xQueuePeek(queue, &none, 0);
    TEST_ASSERT_EQUAL(2, none);
    vQueueDelete(queue);
}

static SemaphoreHandle_t mutex;

static void hold_mutex(void *unused) {
    xSemaphoreTake(mutex, portMAX_DELAY);
    xTaskNotifyGive(tester);
    ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    xSemaphoreGive(mutex);
    vTaskDelay(portMAX_DELAY);
}

TEST_CASE("a mutex lends the priority of its waiter", "[mutex]") {
    tester = xTaskGetCurrentTaskHandle();
    UBaseType_t own = uxTaskPriorityGet(NULL);
    vTaskPrioritySet(NULL, 6);
    mutex = xSemaphoreCreateMutex();
    TaskHandle_t holder;
    xTaskCreatePinnedToCore(hold_mutex, "holder", STACK, NULL, 2, &holder, 1);
    ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    TEST_ASSERT_EQUAL_PTR(holder, xSemaphoreGetMutexHolder(mutex));
    TEST_ASSERT_EQUAL(pdFAIL, xSemaphoreTake(mutex, 2));
    TEST_ASSERT_EQUAL(6, uxTaskPriorityGet(holder));
    xTaskNotifyGive(holder);
    TEST_ASSERT_EQUAL(pdPASS, xSemaphoreTake(mutex, 100));
    TEST_ASSERT_EQUAL(2, uxTaskPriorityGet(holder));
    xSemaphoreGive(mutex);
    vTaskDelete(holder);
    vSemaphoreDelete(mutex);
    vTaskPrioritySet(NULL, own);
}

TEST_CASE("a recursive mutex counts", "[mutex]") {
    SemaphoreHandle_t recursive = xSemaphoreCreateRecursiveMutex();
    TEST_ASSERT_EQUAL(pdPASS, xSemaphoreTakeRecursive(recursive, 0));
    TEST_ASSERT_EQUAL(pdPASS, xSemaphoreTakeRecursive(recursive, 0));
    xSemaphoreGiveRecursive(recursive);
    TEST_ASSERT_NOT_NULL(xSemaphoreGetMutexHolder(recursive));
    xSemaphoreGiveRecursive(recursive);
    TEST_ASSERT_NULL(xSemaphoreGetMutexHolder(recursive));
    vSemaphoreDelete(recursive);
}

static EventGroupHandle_t events;

static void set_events(void *unused) {
    xEventGroupSetBits(events, 1);
    vTaskDelay(2);
    xEventGroupSetBits(events, 2);
    vTaskDelay(portMAX_DELAY);
}

TEST_CASE("event groups wait for all bits", "[events]") {
    events = xEventGroupCreate();
    TaskHandle_t task;
    xTaskCreatePinnedToCore(set_events, "setter", STACK, NULL, 5, &task, 1);
    TEST_ASSERT_EQUAL(3, xEventGroupWaitBits(events, 3, pdTRUE, pdTRUE, 100));
    TEST_ASSERT_EQUAL(0, xEventGroupGetBits(events));
    TEST_ASSERT_EQUAL(0, xEventGroupWaitBits(events, 4, pdFALSE, pdFALSE, 2));
    vTaskDelete(task);
    vEventGroupDelete(events);
}

static void count_timer(TimerHandle_t timer) {
    steps++;
}

static void count_esp_timer(void *argument) {
    steps++;
}

TEST_CASE("timers fire", "[timer]") {
    steps = 0;
    TimerHandle_t timer = xTimerCreate("every 2", 2, pdTRUE, NULL, count_timer);
    xTimerStart(timer, 0);
    vTaskDelay(7);
    TEST_ASSERT_EQUAL(3, steps);
    xTimerStop(timer, 0);
    vTaskDelay(4);
    TEST_ASSERT_EQUAL(3, steps);
    xTimerDelete(timer, 0);
    esp_timer_handle_t once;
    esp_timer_create_args_t arguments = {.callback = count_esp_timer, .name = "once"};
    TEST_ESP_OK(esp_timer_create(&arguments, &once));
    TEST_ESP_OK(esp_timer_start_once(once, 25000));
    TEST_ESP_ERR(ESP_ERR_INVALID_STATE, esp_timer_start_once(once, 25000));
    vTaskDelay(4);
    TEST_ASSERT_EQUAL(4, steps);
    TEST_ESP_ERR(ESP_ERR_INVALID_STATE, esp_timer_stop(once));
    TEST_ESP_OK(esp_timer_delete(once));
}

static portMUX_TYPE mux = portMUX_INITIALIZER_UNLOCKED;
static volatile int guarded;

static void add_guarded(void *unused) {
    for (int i = 0; i < 20000; i++) {
        portENTER_CRITICAL(&mux);
        guarded = guarded + 1;
        portEXIT_CRITICAL(&mux);
    }
    xTaskNotifyGive(tester);
    vTaskDelay(portMAX_DELAY);
}

TEST_CASE("critical sections exclude the other core", "[critical]") {
    tester = xTaskGetCurrentTaskHandle();
    TaskHandle_t tasks[2];
    guarded = 0;
    for (BaseType_t core = 0; core < 2; core++)
        xTaskCreatePinnedToCore(add_guarded, "adder", STACK, NULL, 1, &tasks[core], core);
    for (int got = 0; got < 2;)
        got += (int)ulTaskNotifyTake(pdTRUE, 1000);
    TEST_ASSERT_EQUAL(40000, guarded);
    vTaskDelete(tasks[0]);
    vTaskDelete(tasks[1]);
}
