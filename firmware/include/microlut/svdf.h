/* Filters over time of projections of a frame, one frame per run. */
#ifndef MICROLUT_SVDF_H
#define MICROLUT_SVDF_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Each of units * rank filters is a row of `weights`: `inputs` of the frame, then `memory` over its
 * own values, from the oldest one on; the latter are in `time` instead if filters have 16 bits.
 * Scratch: if bits is not 8, a byte per column. */
typedef struct {
    mlut_weights_t weights;
    const int16_t *time;        /* memory per filter; NULL if filters have 8 bits */
    const int32_t *filter_bias; /* -input_zero_point * sum(weights of the frame) per filter */
    const int32_t *bias;        /* a unit; -filter_zero_point * sum(those over time) is folded in */
    mlut_factor_t projected;    /* sums over the frame to filters */
    mlut_factor_t summed;       /* sums over time to outputs */
    uint16_t inputs;
    uint16_t units;
    uint16_t rank;
    uint16_t memory;          /* frames, at least 2 */
    int8_t filter_zero_point; /* 0 if filters have 16 bits */
    int8_t zero_point;
} mlut_svdf_t;

/* `before` and `after` are the values of all filters in the last memory - 1 frames, from the oldest
 * one on. They are one place, or do not overlap. */
void mlut_svdf(const mlut_svdf_t *layer,
    const int8_t *in,
    const void *before,
    int8_t *out,
    void *after,
    void *scratch);

/* The same with filters of 16 bits. */
void mlut_svdf_16(const mlut_svdf_t *layer,
    const int8_t *in,
    const void *before,
    int8_t *out,
    void *after,
    void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_SVDF_H */
