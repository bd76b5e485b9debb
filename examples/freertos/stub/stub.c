/* Tasks and queues of FreeRTOS on a PC, by POSIX contexts: priorities, round robin, and a tick that
 * passes whenever tasks of equal priority have each had a turn, so that runs are repeatable.
 *
 * It does not preempt: a task runs until it waits or yields. */
#define _XOPEN_SOURCE 700
#include "FreeRTOS.h"
#include "queue.h"
#include "task.h"

#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define TASKS 8
#define STACK_BYTES 262144u
#define TURNS_PER_TICK 8u

struct stub_task {
    ucontext_t context;
    TaskFunction_t code;
    void *parameters;
    UBaseType_t priority;
    TickType_t wakes;
    unsigned long turn; /* of its last run */
};

struct stub_queue {
    unsigned char *items;
    size_t item_bytes, length, count, first;
};

static struct stub_task tasks[TASKS];
static size_t created, running;
static ucontext_t scheduler;
static TickType_t now = 1;

static void begin(void)
{
    tasks[running].code(tasks[running].parameters);
    abort(); /* a task of FreeRTOS never returns */
}

BaseType_t xTaskCreate(TaskFunction_t code, const char *name, configSTACK_DEPTH_TYPE words,
    void *parameters, UBaseType_t priority, TaskHandle_t *handle)
{
    struct stub_task *const task = &tasks[created];
    void *const stack = malloc(STACK_BYTES);
    (void)name;
    (void)words;
    if (created == TASKS || stack == NULL || getcontext(&task->context) != 0) {
        return pdFALSE;
    }
    task->code = code;
    task->parameters = parameters;
    task->priority = priority;
    task->context.uc_stack.ss_sp = stack;
    task->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&task->context, begin, 0);
    created++;
    if (handle != NULL) {
        *handle = task;
    }
    return pdPASS;
}

/* Return the ready task of the highest priority whose last turn is longest ago, or `created`. */
static size_t next(void)
{
    size_t found = created;
    for (size_t i = 0; i < created; i++) {
        if (tasks[i].wakes > now) {
            continue;
        }
        if (found == created || tasks[i].priority > tasks[found].priority ||
            (tasks[i].priority == tasks[found].priority && tasks[i].turn < tasks[found].turn)) {
            found = i;
        }
    }
    return found;
}

void vTaskStartScheduler(void)
{
    for (unsigned long turn = 1;; turn++) {
        const size_t found = next();
        if (found == created || turn % TURNS_PER_TICK == 0u) {
            now++;
        }
        if (found != created) {
            running = found;
            tasks[found].turn = turn;
            swapcontext(&scheduler, &tasks[found].context);
        }
    }
}

void taskYIELD(void)
{
    swapcontext(&tasks[running].context, &scheduler);
}

void vTaskDelay(TickType_t ticks)
{
    tasks[running].wakes = now + ticks;
    taskYIELD();
}

QueueHandle_t xQueueCreate(UBaseType_t length, UBaseType_t item_bytes)
{
    struct stub_queue *const queue = calloc(1, sizeof *queue);
    if (queue != NULL) {
        queue->items = malloc(length * item_bytes);
        queue->length = length;
        queue->item_bytes = item_bytes;
    }
    return queue;
}

BaseType_t xQueueSend(QueueHandle_t queue, const void *item, TickType_t ticks)
{
    while (queue->count == queue->length) {
        if (ticks-- == 0u) {
            return pdFALSE;
        }
        vTaskDelay(1);
    }
    const size_t at = (queue->first + queue->count++) % queue->length;
    memcpy(queue->items + at * queue->item_bytes, item, queue->item_bytes);
    return pdTRUE;
}

BaseType_t xQueueReceive(QueueHandle_t queue, void *item, TickType_t ticks)
{
    while (queue->count == 0u) {
        if (ticks-- == 0u) {
            return pdFALSE;
        }
        vTaskDelay(1);
    }
    memcpy(item, queue->items + queue->first * queue->item_bytes, queue->item_bytes);
    queue->first = (queue->first + 1u) % queue->length;
    queue->count--;
    return pdTRUE;
}
