/* ReLU of int16 values that stands alone. */
#ifndef MICROLUT_RELU_16_H
#define MICROLUT_RELU_16_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Clamp `count` elements. The output may be the input. */
typedef struct {
    uint32_t count;
    int16_t minimum;
    int16_t maximum;
} mlut_relu_16_t;

void mlut_relu_16(const mlut_relu_16_t *layer, const void *in, void *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_RELU_16_H */
