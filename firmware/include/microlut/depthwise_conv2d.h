/* Depthwise convolution. */
#ifndef MICROLUT_DEPTHWISE_CONV2D_H
#define MICROLUT_DEPTHWISE_CONV2D_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* By the output stage's rounding; 3x3 is for such kernels without dilation whose strides are 1, and
 * 3x3_2 for those whose strides are 2. */
struct mlut_plane;
typedef void mlut_convolve_t(const struct mlut_plane *plane, int8_t *out);
mlut_convolve_t mlut_convolve_any, mlut_convolve_3x3_signed, mlut_convolve_3x3_positive,
    mlut_convolve_3x3_2_signed, mlut_convolve_3x3_2_positive;

/* Depthwise convolution. Rows of `weights`: kernel positions; columns: output channels. Output
 * channel c reads input channel c / depth_multiplier. `tile` channels at a time: a multiple of
 * 8 * depth_multiplier, or all; `rows` output rows at a time. The output may be the input if both
 * have the same shape and `rows` is all of them.
 * Scratch: tile * (16 + kernel positions) + 8 * pitch * height bytes, where a band of the padded
 * input has height (rows - 1) * stride_y + (window height - 1) * dilation_y + 1, rounded up to
 * even, and pitch (output width - 1) * stride_x + (window width - 1) * dilation_x + 1. */
typedef struct {
    mlut_weights_t weights;
    mlut_output_t output;
    mlut_shape_t in;
    mlut_shape_t out;
    mlut_window_t window;
    mlut_convolve_t *convolve;
    uint16_t tile;
    uint16_t rows;
    uint16_t depth_multiplier;
    int8_t input_zero_point;
} mlut_depthwise_conv2d_t;

void mlut_depthwise_conv2d(
    const mlut_depthwise_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_DEPTHWISE_CONV2D_H */
