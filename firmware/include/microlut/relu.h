/* ReLU that stands alone. */
#ifndef MICROLUT_RELU_H
#define MICROLUT_RELU_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Clamp `count` elements (a ReLU that stands alone). The output may be the input. */
typedef struct {
    uint32_t count;
    int8_t minimum;
    int8_t maximum;
} mlut_relu_t;

void mlut_relu(const mlut_relu_t *layer, const int8_t *in, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_RELU_H */
