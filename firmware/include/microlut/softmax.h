/* Softmax. */
#ifndef MICROLUT_SOFTMAX_H
#define MICROLUT_SOFTMAX_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Softmax of `vectors` vectors of `length` elements; output scale 1/256, zero point -128.
 * Differences to the maximum below `minimum_difference` count as zero. */
typedef struct {
    uint32_t vectors;
    uint16_t length;
    int16_t minimum_difference;
    int32_t multiplier;
    uint8_t left_shift;
} mlut_softmax_t;

void mlut_softmax(const mlut_softmax_t *layer, const int8_t *in, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_SOFTMAX_H */
