/* Transposed convolution of int16 values. */
#ifndef MICROLUT_TRANSPOSE_CONV2D_16_H
#define MICROLUT_TRANSPOSE_CONV2D_16_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Transposed convolution between int16 tensors: input pixel y adds to output pixels
 * y * stride - pad + i. Rows of `weights`: output channels; columns: kernel height, width, input
 * channel. Of `output`, the zero point, the limits and the rounding do not count. The window has no
 * dilation; its padding is what the output lacks. Scratch: as many bytes as columns; none if bits
 * is 8. */
typedef struct {
    mlut_weights_t weights;
    mlut_output_t output;
    mlut_shape_t in;
    mlut_shape_t out;
    mlut_window_t window;
    int16_t minimum;
    int16_t maximum;
} mlut_transpose_conv2d_16_t;

void mlut_transpose_conv2d_16(
    const mlut_transpose_conv2d_16_t *layer, const void *in, void *out, void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_TRANSPOSE_CONV2D_16_H */
