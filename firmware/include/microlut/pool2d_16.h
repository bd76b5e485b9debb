/* Pooling of int16 values. */
#ifndef MICROLUT_POOL2D_16_H
#define MICROLUT_POOL2D_16_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Maximum or mean over a window; padded positions do not count. */
typedef struct {
    mlut_shape_t in;
    mlut_shape_t out;
    mlut_window_t window;
    int16_t minimum;
    int16_t maximum;
} mlut_pool2d_16_t;

void mlut_average_pool2d_16(const mlut_pool2d_16_t *layer, const void *in, void *out);
void mlut_max_pool2d_16(const mlut_pool2d_16_t *layer, const void *in, void *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_POOL2D_16_H */
