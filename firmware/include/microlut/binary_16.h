/* Functions of two int16 operands with broadcasting. */
#ifndef MICROLUT_BINARY_16_H
#define MICROLUT_BINARY_16_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MLUT_BINARY_16_RANK 4

/* The functions, each for one row of the output: the innermost extent. */
typedef struct mlut_pairwise_16 mlut_binary_16_t;
typedef void mlut_binary_16_row_t(const mlut_binary_16_t *layer,
    const mlut_int16_t *left,
    const mlut_int16_t *right,
    mlut_int16_t *out);
mlut_binary_16_row_t mlut_binary_16_add, mlut_binary_16_sub, mlut_binary_16_mul;
mlut_binary_16_row_t mlut_binary_16_maximum, mlut_binary_16_minimum;

/* A function of two tensors. The output has `extents`, outermost first; along each, left and right
 * move by their steps, which are 0 where an operand is broadcast. The output may be an input of its
 * own shape. */
struct mlut_pairwise_16 {
    mlut_binary_16_row_t *row;
    uint32_t extents[MLUT_BINARY_16_RANK];
    uint32_t left_steps[MLUT_BINARY_16_RANK];
    uint32_t right_steps[MLUT_BINARY_16_RANK];
    mlut_factor_t left; /* of sums and differences */
    mlut_factor_t right;
    mlut_factor_t output; /* of all but extrema */
    int16_t minimum;
    int16_t maximum;
};

void mlut_binary_16(const mlut_binary_16_t *layer, const void *left, const void *right, void *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_BINARY_16_H */
