/* Reads raw values of an accelerometer, three per line, and prints which movement begins when.
 *
 * On a device they come from the sensor's FIFO; everything else stays as it is here. */
#include "motion.h"
#include "motion_front.h"

#include <stdio.h>

#define RATE 50u  /* frames per second */
#define AGREED 2u /* answers that have to agree */

static motion_front_t front;

int main(void)
{
    int x, y, z;
    unsigned long frames = 0;
    size_t last = MOTION_OUTPUT_CLASSES; /* what was said */
    size_t candidate = MOTION_OUTPUT_CLASSES;
    unsigned agreed = 0;
    motion_front_begin(&front);
    while (scanf("%d %d %d", &x, &y, &z) == 3) {
        const int32_t raw[MOTION_FRONT_FEATURES] = {x, y, z};
        frames++;
        if (!motion_front_push(&front, raw)) {
            continue;
        }
        motion_front_write(&front, motion_init(motion_arena, sizeof motion_arena));
        const size_t found = motion_top_class(motion_run(motion_arena));
        agreed = found == candidate ? agreed + 1u : 1u;
        candidate = found;
        if (agreed >= AGREED && found != last) {
            last = found;
            printf("%lu.%lu s: %s\n", frames / RATE, frames % RATE * 10u / RATE,
                motion_class_names[found]);
        }
    }
    return 0;
}
