/* Values of a few bits that are scaled to an output, by the quick form where the factor allows it.
 */
#ifndef MLUT_SCALING_H
#define MLUT_SCALING_H

#include "../small.h"
#include "output_stage.h"

#include <stdbool.h>

/* A factor with the zero point of what it scales to. */
typedef struct {
    mlut_channel_t channel;
    int32_t zero_point;
    bool quick;
} mlut_scaling_t;

static inline mlut_scaling_t mlut_scaling(mlut_factor_t factor, int32_t zero_point)
{
    const bool quick = !MLUT_SMALL && factor.shift <= -1 && factor.shift >= -21;
    const mlut_scaling_t scaling = {{0, factor.multiplier, factor.shift,
                                        quick ? mlut_quick_nudge(factor.shift, zero_point) : 0},
        zero_point, quick};
    return scaling;
}

/* value * factor + zero point; |value| < 2^30. `quick` is that of the factor, or a constant beside
 * which the other form needs no code. */
static inline int32_t mlut_scaled(const mlut_scaling_t *scaling, int32_t value, bool quick)
{
    const mlut_channel_t *const channel = &scaling->channel;
    if (quick) {
        return mlut_quick_scale(channel, value, MLUT_ROUND_SIGNED);
    }
    return mlut_multiply(value, channel->multiplier, channel->shift) + scaling->zero_point;
}

#endif /* MLUT_SCALING_H */
