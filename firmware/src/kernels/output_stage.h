/* The last step of every layer with weights: accumulator to int8. */
#ifndef MLUT_OUTPUT_STAGE_H
#define MLUT_OUTPUT_STAGE_H

#include "fixed_point.h"
#include "microlut/microlut.h"

#include <stddef.h>

/* A channel as TensorFlow Lite has it: real factor = multiplier * 2^(shift - 31). */
typedef struct {
    int32_t bias;
    int32_t multiplier;
    int32_t shift;
} mlut_channel_t;

_Static_assert(sizeof(mlut_channel_t) == 12, "the converter plans 12 bytes of scratch a channel");

/* Expand `count` channels from number `first` on. */
void mlut_expand_channels(
    const mlut_output_t *stage, size_t first, size_t count, mlut_channel_t *expanded);

static inline int8_t mlut_output(
    const mlut_output_t *stage, const mlut_channel_t *channel, int32_t total)
{
    const int32_t scaled = mlut_multiply(total, channel->multiplier, channel->shift);
    return mlut_clamp_int8(scaled + stage->zero_point, stage->minimum, stage->maximum);
}

#endif /* MLUT_OUTPUT_STAGE_H */
