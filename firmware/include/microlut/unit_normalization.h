/* Vectors divided by their lengths. */
#ifndef MICROLUT_UNIT_NORMALIZATION_H
#define MICROLUT_UNIT_NORMALIZATION_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `vectors` vectors of `length` elements, at most 33025; output scale 1/128, zero point 0. The
 * output may be the input. */
typedef struct {
    uint32_t vectors;
    uint16_t length;
    int16_t input_zero_point;
} mlut_unit_normalization_t;

void mlut_unit_normalization(const mlut_unit_normalization_t *layer, const int8_t *in, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_UNIT_NORMALIZATION_H */
