/* Listens to a motor, 16-bit samples on standard input, and says when it sounds unusual.
 *
 * An autoencoder repeats the sounds that it was trained on; what it cannot repeat is unusual. */
#include "microlut/answers.h"
#include "motor.h"
#include "motor_front.h"

#include <stdio.h>
#include <string.h>

#define BLOCK 160u      /* samples at a time */
#define THRESHOLD 0.3f  /* mean square error; train.py prints what is usual */
#define AGREED 4u       /* frames that have to agree */

static motor_front_t front;

int main(void)
{
    const mlut_distance_t distance = mlut_distance_of(MOTOR_INPUT_SCALE, MOTOR_INPUT_ZERO_POINT,
        MOTOR_OUTPUT_SCALE, MOTOR_OUTPUT_ZERO_POINT);
    const uint64_t limit = mlut_distance_threshold(&distance, THRESHOLD, MOTOR_INPUT_VALUES);
    int8_t features[MOTOR_INPUT_BYTES]; /* a copy: a run overwrites the input */
    int16_t block[BLOCK];
    unsigned long frames = 0;
    unsigned agreed = 0, unusual = 0;
    size_t count;
    motor_front_begin(&front);
    while ((count = fread(block, sizeof block[0], BLOCK, stdin)) > 0) {
        for (size_t taken = 0; taken < count;) {
            taken += motor_front_push(&front, block + taken, count - taken);
            if (!motor_front_frame(&front)) {
                continue;
            }
            frames++;
            motor_front_write(&front, features);
            memcpy(motor_init(motor_arena, sizeof motor_arena), features, sizeof features);
            const int8_t *repeated = motor_run(motor_arena);
            const unsigned now =
                mlut_distance(&distance, features, repeated, MOTOR_INPUT_VALUES) > limit;
            agreed = now != unusual ? agreed + 1u : 0u;
            if (agreed == AGREED) {
                unusual = now;
                agreed = 0;
                const unsigned long tenths = frames * MOTOR_FRONT_HOP * 10u / MOTOR_FRONT_RATE;
                printf("%lu.%lu s: %s\n", tenths / 10u, tenths % 10u,
                    unusual ? "unusual" : "as usual");
            }
        }
    }
    return 0;
}
