/* Transposed convolution. */
#ifndef MICROLUT_TRANSPOSE_CONV2D_H
#define MICROLUT_TRANSPOSE_CONV2D_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Transposed convolution: input pixel y adds to output pixels y * stride - pad + i. Rows of
 * `weights`: output channels; columns: kernel height, width, input channel. `tile` output channels
 * are decoded at a time. The window has no dilation; its padding is what the output lacks.
 * Scratch: tile * (16 + 4 * kernel positions + columns) bytes. */
typedef struct {
    mlut_weights_t weights;
    mlut_output_t output;
    mlut_shape_t in;
    mlut_shape_t out;
    mlut_window_t window;
    uint16_t tile;
    int8_t input_zero_point;
} mlut_transpose_conv2d_t;

void mlut_transpose_conv2d(
    const mlut_transpose_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_TRANSPOSE_CONV2D_H */
