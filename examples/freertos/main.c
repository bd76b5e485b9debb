/* Three FreeRTOS tasks: one samples an accelerometer, one runs the network, one must never starve.
 *
 * The network's task gives way after each step (motion_step), so that a task of its own priority
 * runs between two layers, not only between two inferences. */
#include "FreeRTOS.h"
#include "motion.h"
#include "motion_front.h"
#include "queue.h"
#include "task.h"

#include <stdio.h>
#include <stdlib.h>

#define EVERY 10u  /* frames from one answer to the next */
#define AGREED 2u  /* answers that have to agree */
#define STACK 2048u /* words; `microlut build` prints what the network takes */

typedef struct {
    int32_t values[MOTION_FRONT_FEATURES];
} frame_t;

static QueueHandle_t frames;
static volatile unsigned long beats;  /* of the task that must not starve */
static volatile unsigned long starved; /* inferences within which it did not run */

/* On a board: the interrupt of the sensor's FIFO, at a fixed rate. */
static void sample_task(void *unused)
{
    int x, y, z;
    (void)unused;
    while (scanf("%d %d %d", &x, &y, &z) == 3) {
        const frame_t frame = {{x, y, z}};
        xQueueSend(frames, &frame, portMAX_DELAY);
        vTaskDelay(1);
    }
    vTaskDelay(100); /* the last answer */
    printf("inferences without a heartbeat: %lu\n", starved);
    fflush(stdout);
    exit(0); /* a board goes on for ever */
}

/* Of the same priority as the network: with motion_run it would wait for whole inferences. */
static void heartbeat_task(void *unused)
{
    (void)unused;
    for (;;) {
        beats++;
        taskYIELD();
    }
}

static const int8_t *infer(void)
{
    const unsigned long before = beats;
    const int8_t *answer = NULL;
    for (uint32_t step = 0; step < MOTION_STEPS; step++) {
        answer = motion_step(motion_arena, step);
        taskYIELD();
    }
    starved += beats == before;
    return answer;
}

static void network_task(void *unused)
{
    static motion_front_t front;
    unsigned long count = 0;
    size_t last = MOTION_OUTPUT_CLASSES, candidate = MOTION_OUTPUT_CLASSES;
    unsigned agreed = 0;
    frame_t frame;
    (void)unused;
    motion_front_begin(&front);
    for (;;) {
        xQueueReceive(frames, &frame, portMAX_DELAY);
        count++;
        if (!motion_front_push(&front, frame.values) || count % EVERY != 0u) {
            continue;
        }
        motion_front_write(&front, motion_init(motion_arena, sizeof motion_arena));
        const size_t found = motion_top_class(infer());
        agreed = found == candidate ? agreed + 1u : 1u;
        candidate = found;
        if (agreed >= AGREED && found != last) {
            last = found;
            printf("frame %lu: %s\n", count, motion_class_names[found]);
            fflush(stdout);
        }
    }
}

int main(void)
{
    frames = xQueueCreate(32, sizeof(frame_t));
    if (frames == NULL || xTaskCreate(sample_task, "sample", STACK, NULL, 3, NULL) != pdPASS ||
        xTaskCreate(network_task, "network", STACK, NULL, 1, NULL) != pdPASS ||
        xTaskCreate(heartbeat_task, "heartbeat", STACK, NULL, 1, NULL) != pdPASS) {
        return 1;
    }
    vTaskStartScheduler();
    return 1; /* out of memory */
}
