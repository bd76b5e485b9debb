/* Functions of two operands with broadcasting. */
#ifndef MICROLUT_BINARY_H
#define MICROLUT_BINARY_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MLUT_BINARY_RANK 4

/* The functions, each for one row of the output: the innermost extent. */
typedef struct mlut_pairwise mlut_binary_t;
typedef void mlut_binary_row_t(
    const mlut_binary_t *layer, const int8_t *left, const int8_t *right, int8_t *out);
mlut_binary_row_t mlut_binary_add, mlut_binary_sub, mlut_binary_mul;
mlut_binary_row_t mlut_binary_maximum, mlut_binary_minimum;

/* A function of two tensors less their zero points. The output has `extents`, outermost first;
 * along each, left and right move by their steps, which are 0 where an operand is broadcast. The
 * output may be an input of its own shape. */
struct mlut_pairwise {
    mlut_binary_row_t *row;
    uint32_t extents[MLUT_BINARY_RANK];
    uint32_t left_steps[MLUT_BINARY_RANK];
    uint32_t right_steps[MLUT_BINARY_RANK];
    mlut_factor_t left; /* of sums and differences */
    mlut_factor_t right;
    mlut_factor_t output; /* of all but extrema */
    int16_t left_zero_point;
    int16_t right_zero_point;
    int16_t output_zero_point;
    int8_t minimum;
    int8_t maximum;
};

void mlut_binary(const mlut_binary_t *layer, const int8_t *left, const int8_t *right, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_BINARY_H */
