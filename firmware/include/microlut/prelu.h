/* Leaky rectifier with a slope per channel or per value. */
#ifndef MICROLUT_PRELU_H
#define MICROLUT_PRELU_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MLUT_PRELU_RANK 4

/* Values less their zero point, times a factor; negative ones times a slope and another factor.
 * Input and output have `extents`, outermost first; along each, slopes move by `steps`, which are 0
 * where they are broadcast. The output may be the input. */
typedef struct {
    const int8_t *slopes;
    uint32_t extents[MLUT_PRELU_RANK];
    uint32_t steps[MLUT_PRELU_RANK];
    mlut_factor_t positive;
    mlut_factor_t negative;
    int16_t input_zero_point;
    int16_t output_zero_point;
} mlut_prelu_t;

void mlut_prelu(const mlut_prelu_t *layer, const int8_t *in, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_PRELU_H */
