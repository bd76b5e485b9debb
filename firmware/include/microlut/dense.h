/* Fully connected layer. */
#ifndef MICROLUT_DENSE_H
#define MICROLUT_DENSE_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* By the weights' bits, and the bits of an index where they are more. */
struct mlut_rows;
typedef void mlut_dot_t(const struct mlut_rows *rows, int32_t totals[4]);
mlut_dot_t mlut_dot_2, mlut_dot_3, mlut_dot_4, mlut_dot_5, mlut_dot_6, mlut_dot_7, mlut_dot_8,
    mlut_dot_2_6, mlut_dot_3_6, mlut_dot_4_6;

/* Fully connected layer over `vectors` inputs. Rows of `weights`: units; columns: inputs.
 * Scratch: none if bits is 8; else 2 * inputs, inputs rounded up to a multiple of 8, and where two
 * neighbouring indices have 9 bits at most, a table of 4 << bits + index_bits bytes. */
typedef struct {
    mlut_weights_t weights;
    mlut_output_t output;
    mlut_dot_t *dot;
    uint32_t vectors;
    uint32_t inputs;
    uint32_t units;
} mlut_dense_t;

void mlut_dense(const mlut_dense_t *layer, const int8_t *in, int8_t *out, void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_DENSE_H */
