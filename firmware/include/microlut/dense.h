/* Fully connected layer. */
#ifndef MICROLUT_DENSE_H
#define MICROLUT_DENSE_H

#include "layer.h"
#include "pair.h"

#ifdef __cplusplus
extern "C" {
#endif

/* By the weights' bits, and the bits of an index where they are more. Those with `pairs` need the
 * table of that name. */
struct mlut_rows;
typedef void mlut_dot_t(const struct mlut_rows *rows, int32_t *totals);
mlut_dot_t mlut_dot_2, mlut_dot_3, mlut_dot_4, mlut_dot_5, mlut_dot_6, mlut_dot_7, mlut_dot_8,
    mlut_dot_2_6, mlut_dot_3_6, mlut_dot_4_6, mlut_dot_pairs_2, mlut_dot_pairs_3, mlut_dot_pairs_4,
    mlut_dot_pairs_2_6, mlut_dot_pairs_3_6;

/* Fully connected layer over `vectors` inputs. Rows of `weights`: units; columns: inputs.
 * Scratch: none if bits is 8; else 2 bytes for each of the inputs, rounded up to a multiple of 8,
 * up to 128. `pairs` is NULL, or has MLUT_PAIR of both weights for the bits of two neighbouring
 * indices, the first one's at the bottom. */
typedef struct {
    mlut_weights_t weights;
    mlut_output_t output;
    mlut_dot_t *dot;
    const uint32_t *pairs;
    uint32_t vectors;
    uint32_t inputs;
    uint32_t units;
} mlut_dense_t;

void mlut_dense(const mlut_dense_t *layer, const int8_t *in, int8_t *out, void *scratch);

/* The same with entropy-coded indices; `dot` and `pairs` are NULL. Scratch: 4 * inputs bytes. */
void mlut_dense_coded(const mlut_dense_t *layer, const int8_t *in, int8_t *out, void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_DENSE_H */
