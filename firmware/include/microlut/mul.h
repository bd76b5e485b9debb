/* Product of two tensors. */
#ifndef MICROLUT_MUL_H
#define MICROLUT_MUL_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MLUT_MUL_RANK 4

/* Product of two tensors less their zero points, times a factor. The output has `extents`,
 * outermost first; along each, left and right move by their steps, which are 0 where a tensor is
 * broadcast. The output may be an input of its own shape. */
typedef struct {
    uint32_t extents[MLUT_MUL_RANK];
    uint32_t left_steps[MLUT_MUL_RANK];
    uint32_t right_steps[MLUT_MUL_RANK];
    mlut_factor_t factor;
    int16_t left_zero_point;
    int16_t right_zero_point;
    int16_t output_zero_point;
    int8_t minimum;
    int8_t maximum;
} mlut_mul_t;

void mlut_mul(const mlut_mul_t *layer, const int8_t *left, const int8_t *right, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_MUL_H */
