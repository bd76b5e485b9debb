/* Reads pictures of 32x32 pixels of RGB as a camera delivers them, and prints the class and its score.
 *
 * The comments say what stood here with TensorFlow Lite for Microcontrollers. */
#include "model.h" /* micro_interpreter.h, micro_mutable_op_resolver.h, the array of the model */

#include <stdio.h>

/* uint8_t tensor_arena[60 * 1024]: the size found by trial. shapes_arena has the bytes it needs. */

int main(void)
{
    uint8_t pixels[SHAPES_INPUT_BYTES];
    /* resolver.AddConv2D() ..., MicroInterpreter interpreter(...), interpreter.AllocateTensors() */
    int8_t *input = shapes_init(shapes_arena, sizeof shapes_arena); /* interpreter.input(0) */
    while (fread(pixels, sizeof pixels, 1, stdin) == 1) {
        for (size_t i = 0; i < sizeof pixels; i++) {
            input[i] = (int8_t)(pixels[i] - 128); /* the same integers as before */
        }
        const int8_t *output = shapes_run(shapes_arena); /* interpreter.Invoke(), output(0) */
        const size_t seen = shapes_top_class(output);
        printf("%zu %d\n", seen, output[seen]);
    }
    return 0;
}
