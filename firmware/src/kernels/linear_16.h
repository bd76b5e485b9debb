/* What layers with weights between int16 tensors share: rows of weights, products, and the last
 * step. Accumulators have 64 bits, as TensorFlow Lite's biases have; the converter keeps them below
 * 2^46, and scaled ones below 2^30. */
#ifndef MLUT_LINEAR_16_H
#define MLUT_LINEAR_16_H

#include "microlut/layer.h"
#include "output_stage.h"

/* A channel's real factor is multiplier / 2^shift. */
typedef struct {
    int64_t bias;
    int32_t multiplier; /* 15 bits */
    unsigned shift;     /* 8 to 46 */
} mlut_channel_16_t;

/* Return the `columns` weights of a row, decoded to scratch unless flash has them as they are. */
const int8_t *mlut_row_16(const mlut_weights_t *weights, size_t row, size_t columns, void *scratch);

/* Return channel number `channel`. */
mlut_channel_16_t mlut_expand_channel_16(const mlut_output_t *stage, size_t channel);

/* Return total + the sum of x[i] * weights[i] over count values. */
int64_t mlut_dot_16(const mlut_int16_t *x, const int8_t *weights, size_t count, int64_t total);

static inline int16_t mlut_clamp_int16(int32_t x, int16_t minimum, int16_t maximum)
{
    const int32_t raised = x < minimum ? minimum : x;
    return (int16_t)(raised > maximum ? maximum : raised);
}

/* TensorFlow Lite's MultiplyByQuantizedMultiplier of 64 bits, and the limits. */
static inline int16_t mlut_output_16(
    const mlut_channel_16_t *channel, int64_t total, int16_t minimum, int16_t maximum)
{
    const int64_t half = (int64_t)1 << (channel->shift - 1u);
    const int64_t scaled = (total * channel->multiplier + half) >> channel->shift;
    return mlut_clamp_int16((int32_t)scaled, minimum, maximum);
}

#endif /* MLUT_LINEAR_16_H */
