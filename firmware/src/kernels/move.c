/* Values of a tensor in other places: transpositions, parts, repetitions. */
#include "microlut/move.h"

#include <string.h>

/* Copy the runs of the innermost loop. Runs of one, two and four bytes need no call of memcpy. */
static int8_t *mlut_move_row(const mlut_loop_t *loop, uint32_t run, const int8_t *in, int8_t *out)
{
    const ptrdiff_t step = loop->step;
    ptrdiff_t at = 0; /* an index, since a pointer may not leave the input behind the last run */
    uint32_t left = loop->count;
    if (run == 1) {
        for (; left > 0; left--) {
            *out++ = in[at];
            at += step;
        }
    } else if (run == 2) {
        for (; left > 0; left--) {
            memcpy(out, in + at, 2);
            out += 2;
            at += step;
        }
    } else if (run == 4) {
        for (; left > 0; left--) {
            memcpy(out, in + at, 4);
            out += 4;
            at += step;
        }
    } else {
        for (; left > 0; left--) {
            memcpy(out, in + at, run);
            out += run;
            at += step;
        }
    }
    return out;
}

/* Copy what the output ends with until a loop that repeats it is through. */
static int8_t *mlut_move_again(const mlut_loop_t *loop, int8_t *out)
{
    for (uint32_t i = 1; i < loop->count; i++) {
        memcpy(out, out - loop->bytes, loop->bytes);
        out += loop->bytes;
    }
    return out;
}

void mlut_move(const mlut_move_t *layer, const int8_t *in, int8_t *out)
{
    const mlut_loop_t *const loops = layer->loops;
    const uint32_t row = layer->depth - 1;
    uint32_t done[MLUT_MOVE_LOOPS] = {0};
    in += layer->start;
    for (;;) {
        out = mlut_move_row(&loops[row], layer->run, in, out);
        uint32_t depth = row;
        for (;;) {
            if (depth == 0) {
                return;
            }
            depth--;
            const mlut_loop_t *const loop = &loops[depth];
            if (loop->step == 0) {
                out = mlut_move_again(loop, out);
            } else if (++done[depth] < loop->count) {
                in += loop->step;
                break;
            } else {
                in -= (ptrdiff_t)loop->step * (ptrdiff_t)(loop->count - 1);
                done[depth] = 0;
            }
        }
    }
}
