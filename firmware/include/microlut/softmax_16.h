/* Softmax of int16 values. */
#ifndef MICROLUT_SOFTMAX_16_H
#define MICROLUT_SOFTMAX_16_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Softmax of `vectors` vectors of `length` elements; the output is in Q0.15. The factor brings
 * differences to the maximum to steps of 10 / 65535. */
typedef struct {
    uint32_t vectors;
    uint32_t length;
    mlut_factor_t factor;
} mlut_softmax_16_t;

void mlut_softmax_16(const mlut_softmax_16_t *layer, const void *in, void *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_SOFTMAX_16_H */
