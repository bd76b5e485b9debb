/* Means, sums and extremes of int16 values over some dimensions. */
#ifndef MICROLUT_REDUCE_16_H
#define MICROLUT_REDUCE_16_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MLUT_REDUCE_16_RANK 3

/* The dimensions that are `kept` and those that are `reduced`, outermost first, with the steps of
 * the input along them. `value` makes an output of the values that begin at `in`, so that only the
 * code of the functions in use is linked. */
typedef struct mlut_reduction_16 {
    uint32_t kept[MLUT_REDUCE_16_RANK];
    uint32_t kept_steps[MLUT_REDUCE_16_RANK];
    uint32_t reduced[MLUT_REDUCE_16_RANK];
    uint32_t reduced_steps[MLUT_REDUCE_16_RANK];
    int16_t (*value)(const struct mlut_reduction_16 *layer, const mlut_int16_t *in);
    mlut_factor_t factor;
} mlut_reduce_16_t;

void mlut_reduce_16(const mlut_reduce_16_t *layer, const void *in, void *out);

/* The sum of fewer than 2^16 values, times the factor; a mean has their number in its factor. */
int16_t mlut_reduce_16_sum(const mlut_reduce_16_t *layer, const mlut_int16_t *in);
int16_t mlut_reduce_16_max(const mlut_reduce_16_t *layer, const mlut_int16_t *in);
int16_t mlut_reduce_16_min(const mlut_reduce_16_t *layer, const mlut_int16_t *in);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_REDUCE_16_H */
