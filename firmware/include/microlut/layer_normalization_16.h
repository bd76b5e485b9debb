/* Layer, group and root mean square normalization of int16 values. */
#ifndef MICROLUT_LAYER_NORMALIZATION_16_H
#define MICROLUT_LAYER_NORMALIZATION_16_H

#include "layer_normalization.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As mlut_layer_normalization_t; the values of a group are at most 2^14. The output may be the
 * input. */
typedef struct {
    const int16_t *gains;
    const int32_t *offsets; /* with half a step */
    int64_t epsilon;
    uint32_t outer;
    uint32_t rows;
    uint32_t groups;
    uint32_t channels;
    int16_t minimum;
    int16_t maximum;
    uint8_t gain_step;   /* from one channel to the next: 1, or 0 with one gain for all */
    uint8_t offset_step; /* likewise */
    uint8_t shift;       /* 1 to 30 */
    uint8_t value_bits;  /* at most 14 */
    int8_t spread_shift;
    uint8_t mode; /* MLUT_NORMALIZE_... */
} mlut_layer_normalization_16_t;

void mlut_layer_normalization_16(
    const mlut_layer_normalization_16_t *layer, const void *in, void *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_LAYER_NORMALIZATION_16_H */
