/* Pooling. */
#ifndef MICROLUT_POOL2D_H
#define MICROLUT_POOL2D_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Maximum or mean over a window; padded positions do not count. */
typedef struct {
    mlut_shape_t in;
    mlut_shape_t out;
    mlut_window_t window;
    int8_t minimum;
    int8_t maximum;
} mlut_pool2d_t;

void mlut_average_pool2d(const mlut_pool2d_t *layer, const int8_t *in, int8_t *out);
void mlut_max_pool2d(const mlut_pool2d_t *layer, const int8_t *in, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_POOL2D_H */
