/* Leaky rectifier of int16 values with a slope per channel or per value. */
#ifndef MICROLUT_PRELU_16_H
#define MICROLUT_PRELU_16_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MLUT_PRELU_16_RANK 4

/* Values times a factor; negative ones times a slope and another factor. Input and output have
 * `extents`, outermost first; along each, slopes move by `steps`, which are 0 where they are
 * broadcast. The output may be the input. */
typedef struct {
    const int8_t *slopes;
    uint32_t extents[MLUT_PRELU_16_RANK];
    uint32_t steps[MLUT_PRELU_16_RANK];
    mlut_factor_t positive;
    mlut_factor_t negative;
} mlut_prelu_16_t;

void mlut_prelu_16(const mlut_prelu_16_t *layer, const void *in, void *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_PRELU_16_H */
