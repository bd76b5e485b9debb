/* Vectors of int16 values divided by their lengths. */
#ifndef MICROLUT_UNIT_NORMALIZATION_16_H
#define MICROLUT_UNIT_NORMALIZATION_16_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `vectors` vectors of `length` elements, at most 33025, between int16 tensors; output scale 2^-15.
 * The output may be the input. */
typedef struct {
    uint32_t vectors;
    uint16_t length;
} mlut_unit_normalization_16_t;

void mlut_unit_normalization_16(
    const mlut_unit_normalization_16_t *layer, const void *in, void *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_UNIT_NORMALIZATION_16_H */
