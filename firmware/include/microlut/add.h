/* Addition. */
#ifndef MICROLUT_ADD_H
#define MICROLUT_ADD_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sum of two tensors of `count` elements. The output may be either input. */
typedef struct mlut_sum mlut_add_t;
typedef void mlut_add_span_t(
    const mlut_add_t *layer, const int8_t *left, const int8_t *right, size_t count, int8_t *out);
mlut_add_span_t mlut_add_any, mlut_add_quick;

struct mlut_sum {
    mlut_add_span_t *span; /* quick: left factor 1/2, shifts of right and output -21 to -1, limits
                              -128 and 127 */
    uint32_t count;
    mlut_factor_t left;
    mlut_factor_t right;
    mlut_factor_t output;
    int16_t left_zero_point;
    int16_t right_zero_point;
    int16_t output_zero_point;
    int8_t minimum;
    int8_t maximum;
};

void mlut_add(const mlut_add_t *layer, const int8_t *left, const int8_t *right, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_ADD_H */
