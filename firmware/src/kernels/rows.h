/* One input vector times decoded weight rows: what convolution and dense layers share. */
#ifndef MLUT_ROWS_H
#define MLUT_ROWS_H

#include "isa/isa.h"
#include "kernels/output_stage.h"

/* out[i] = output stage of channels[i] of x . weights[i], for `rows` rows of `columns`. */
static inline void mlut_multiply_rows(const mlut_output_t *stage,
    const mlut_channel_t *channels,
    const int8_t *x,
    const int8_t *weights,
    size_t columns,
    size_t rows,
    int8_t *out)
{
    const int8_t *const end = out + rows;
    for (; end - out >= 4; out += 4, channels += 4, weights += 4u * columns) {
        int32_t totals[4];
        for (size_t r = 0; r < 4; r++) {
            totals[r] = channels[r].bias;
        }
        mlut_isa_dot4(x, weights, columns, columns, totals);
        for (size_t r = 0; r < 4; r++) {
            out[r] = mlut_output(stage, channels + r, totals[r]);
        }
    }
    for (; out < end; out++, channels++, weights += columns) {
        const int32_t total = mlut_isa_dot(x, weights, columns, channels->bias);
        *out = mlut_output(stage, channels, total);
    }
}

#endif /* MLUT_ROWS_H */
