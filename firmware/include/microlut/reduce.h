/* Mean, sum, maximum and minimum over some dimensions. */
#ifndef MICROLUT_REDUCE_H
#define MICROLUT_REDUCE_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MLUT_REDUCE_RANK 3

/* The dimensions that are `kept` and those that are `reduced`, outermost first, with the steps of
 * the input along them. `value` makes an output of the values that begin at `in`, so that only the
 * code of the functions in use is linked. */
typedef struct mlut_reduction {
    uint32_t kept[MLUT_REDUCE_RANK];
    uint32_t kept_steps[MLUT_REDUCE_RANK];
    uint32_t reduced[MLUT_REDUCE_RANK];
    uint32_t reduced_steps[MLUT_REDUCE_RANK];
    int8_t (*value)(const struct mlut_reduction *layer, const int8_t *in);
    mlut_factor_t factor;
    int8_t input_zero_point;
    int8_t output_zero_point;
} mlut_reduce_t;

void mlut_reduce(const mlut_reduce_t *layer, const int8_t *in, int8_t *out);

/* The sum of the values less their zero points, times the factor; a mean has the number of values
 * in its factor. */
int8_t mlut_reduce_sum(const mlut_reduce_t *layer, const int8_t *in);
int8_t mlut_reduce_max(const mlut_reduce_t *layer, const int8_t *in);
int8_t mlut_reduce_min(const mlut_reduce_t *layer, const int8_t *in);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_REDUCE_H */
