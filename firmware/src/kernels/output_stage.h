/* The last step of every layer with weights: accumulator to int8. */
#ifndef MLUT_OUTPUT_STAGE_H
#define MLUT_OUTPUT_STAGE_H

#include "fixed_point.h"
#include "microlut/microlut.h"

#include <stddef.h>

static inline int8_t mlut_output(const mlut_output_t *stage, size_t channel, int32_t total)
{
    const int32_t scaled = mlut_multiply(total, stage->multiplier[channel], stage->shift[channel]);
    return mlut_clamp_int8(scaled + stage->zero_point, stage->minimum, stage->maximum);
}

#endif /* MLUT_OUTPUT_STAGE_H */
