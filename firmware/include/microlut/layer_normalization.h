/* Layer, group and root mean square normalization. */
#ifndef MICROLUT_LAYER_NORMALIZATION_H
#define MICROLUT_LAYER_NORMALIZATION_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MLUT_NORMALIZE_STANDARD 0u  /* less the mean, divided by the standard deviation */
#define MLUT_NORMALIZE_DEVIATION 1u /* divided by the standard deviation */
#define MLUT_NORMALIZE_RMS 2u       /* divided by the root mean square */

/* [outer, rows, groups, channels]: the values of a group are all with the same first and third
 * index; at most 2^23. The output may be the input. docs/reference/format.md has the formulas. */
typedef struct {
    const int16_t *gains;
    const int32_t *offsets; /* with the zero point and half a step */
    int64_t epsilon;
    uint32_t outer;
    uint32_t rows;
    uint32_t groups;
    uint32_t channels;
    int16_t input_zero_point;
    uint8_t gain_step;   /* from one channel to the next: 1, or 0 with one gain for all */
    uint8_t offset_step; /* likewise */
    uint8_t shift;       /* 1 to 30 */
    uint8_t value_bits;  /* at most 14 */
    int8_t spread_shift;
    uint8_t mode; /* MLUT_NORMALIZE_... */
    int8_t minimum;
    int8_t maximum;
} mlut_layer_normalization_t;

void mlut_layer_normalization(
    const mlut_layer_normalization_t *layer, const int8_t *in, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_LAYER_NORMALIZATION_H */
