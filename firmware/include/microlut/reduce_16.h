/* Means and sums of int16 values over some dimensions. */
#ifndef MICROLUT_REDUCE_16_H
#define MICROLUT_REDUCE_16_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MLUT_REDUCE_16_RANK 3

/* For each place along the kept extents, the sum over all places along the reduced ones, fewer than
 * 2^16, times the factor. */
typedef struct {
    uint32_t kept[MLUT_REDUCE_16_RANK];
    uint32_t kept_steps[MLUT_REDUCE_16_RANK];
    uint32_t reduced[MLUT_REDUCE_16_RANK];
    uint32_t reduced_steps[MLUT_REDUCE_16_RANK];
    mlut_factor_t factor;
} mlut_reduce_16_t;

void mlut_reduce_16(const mlut_reduce_16_t *layer, const void *in, void *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_REDUCE_16_H */
