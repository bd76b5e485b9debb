/* Listens to 16-bit samples on its standard input, and prints what it hears and when.
 *
 * On a device the samples come from a microphone; everything else stays as it is here. */
#include "microlut/answers.h"
#include "sounds.h"
#include "sounds_front.h"

#include <stdio.h>

#define BLOCK 160u /* samples at a time, as from the buffer of a microphone */
#define EVERY 5u   /* frames from one answer to the next: ten per second */
#define ANSWERS 3u /* over which scores are averaged */
#define BACKGROUND 0u

static sounds_front_t front;
static int8_t answers[ANSWERS * SOUNDS_OUTPUT_CLASSES];
static int32_t sums[SOUNDS_OUTPUT_CLASSES];
static mlut_smooth_t smooth = {answers, sums, SOUNDS_OUTPUT_CLASSES, ANSWERS, 0, 0};
static size_t last = BACKGROUND;

/* Print a sound that is sure enough, once. */
static void hear(unsigned long frame)
{
    int8_t means[SOUNDS_OUTPUT_CLASSES];
    sounds_front_write(&front, sounds_init(sounds_arena, sizeof sounds_arena));
    mlut_smooth(&smooth, sounds_run(sounds_arena), means);
    const size_t heard = sounds_top_class(means);
    if (heard != last && means[heard] >= sounds_threshold(0.8f)) {
        last = heard;
        if (heard != BACKGROUND) {
            const unsigned long tenths = frame * SOUNDS_FRONT_HOP * 10u / SOUNDS_FRONT_RATE;
            printf("%lu.%lu s: %s\n", tenths / 10u, tenths % 10u, sounds_class_names[heard]);
        }
    }
}

int main(void)
{
    int16_t block[BLOCK];
    unsigned long frames = 0;
    size_t count;
    sounds_front_begin(&front);
    while ((count = fread(block, sizeof block[0], BLOCK, stdin)) > 0) {
        for (size_t taken = 0; taken < count;) {
            taken += sounds_front_push(&front, block + taken, count - taken);
            if (sounds_front_frame(&front) && ++frames % EVERY == 0u) {
                hear(frames + SOUNDS_FRONT_FRAMES);
            }
        }
    }
    return 0;
}
