/* ReLU that stands alone. */
#ifndef MICROLUT_CLAMP_H
#define MICROLUT_CLAMP_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Clamp `count` elements (a ReLU that stands alone). The output may be the input. */
typedef struct {
    uint32_t count;
    int8_t minimum;
    int8_t maximum;
} mlut_clamp_t;

void mlut_clamp(const mlut_clamp_t *layer, const int8_t *in, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_CLAMP_H */
