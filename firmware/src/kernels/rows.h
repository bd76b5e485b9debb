/* One input vector times decoded weight rows: what convolution and dense layers share. */
#ifndef MLUT_ROWS_H
#define MLUT_ROWS_H

#include "isa/isa.h"
#include "kernels/output_stage.h"

/* out[i] = output stage of channel first + i of x . rows[i], for `rows` rows of `columns`. */
static inline void mlut_multiply_rows(const mlut_output_t *stage,
    const int8_t *x,
    const int8_t *weights,
    size_t columns,
    size_t first,
    size_t rows,
    int8_t *out)
{
    size_t i = 0;
    for (; i + 4 <= rows; i += 4) {
        const int32_t *bias = stage->bias + first + i;
        int32_t totals[4] = {bias[0], bias[1], bias[2], bias[3]};
        mlut_isa_dot4(x, weights + i * columns, columns, columns, totals);
        for (size_t r = 0; r < 4; r++) {
            out[i + r] = mlut_output(stage, first + i + r, totals[r]);
        }
    }
    for (; i < rows; i++) {
        const int32_t total =
            mlut_isa_dot(x, weights + i * columns, columns, stage->bias[first + i]);
        out[i] = mlut_output(stage, first + i, total);
    }
}

#endif /* MLUT_ROWS_H */
