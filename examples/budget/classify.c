/* Reads pictures of a camera, 64x64 pixels of RGB, and prints what they show.
 *
 * On a device they come from the camera's buffer; everything else stays as it is here. */
#include "shapes.h"
#include "shapes_front.h"

#include <stdio.h>

static uint8_t pixels[64 * 64 * 3];

int main(void)
{
    while (fread(pixels, sizeof pixels, 1, stdin) == 1) {
        shapes_front_write(pixels, shapes_init(shapes_arena, sizeof shapes_arena));
        const int8_t *answer = shapes_run(shapes_arena);
        const size_t seen = shapes_top_class(answer);
        puts(answer[seen] >= shapes_threshold(0.6f) ? shapes_class_names[seen] : "not sure");
    }
    return 0;
}
