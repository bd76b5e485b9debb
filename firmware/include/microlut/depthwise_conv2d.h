/* Depthwise convolution. */
#ifndef MICROLUT_DEPTHWISE_CONV2D_H
#define MICROLUT_DEPTHWISE_CONV2D_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* By the output stage's rounding; 3x3 is for such kernels without dilation whose strides are 1 or 2
 * down and 1 to the right, and 3x3_2 for those with 2 to the right. */
struct mlut_plane;
typedef void mlut_convolve_t(const struct mlut_plane *plane, int8_t *out);
mlut_convolve_t mlut_convolve_any, mlut_convolve_3x3_signed, mlut_convolve_3x3_positive,
    mlut_convolve_3x3_2_signed, mlut_convolve_3x3_2_positive;

/* The quick one is for strides of 1 and the quick roundings. */
struct mlut_line;
typedef void mlut_convolve_line_t(const struct mlut_line *line, int8_t *out);
mlut_convolve_line_t mlut_convolve_line_any, mlut_convolve_line_quick;

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
    union {
        mlut_convolve_t *convolve;
        mlut_convolve_line_t *convolve_line; /* of mlut_depthwise_lines */
    };
    uint16_t tile;
    uint16_t rows;
    uint16_t depth_multiplier;
    int8_t input_zero_point;
} mlut_depthwise_conv2d_t;

void mlut_depthwise_conv2d(
    const mlut_depthwise_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch);

/* The same for output channels `from` up to `until`, which is not among them: multiples of 8 times
 * the depth multiplier, or the last one of all. */
void mlut_depthwise_conv2d_part(const mlut_depthwise_conv2d_t *layer,
    size_t from,
    size_t until,
    const int8_t *in,
    int8_t *out,
    void *scratch);

/* The same of kernels of one column or one row, which lie inside the picture in the other
 * direction. `rows` counts outputs along the kernel; with dilation d, those of every d-th one. With
 * dilation, strides are 1, and for an output in place the padding before the picture is a multiple
 * of it. Scratch, for a kernel of n: 16 bytes for each of ((rows - 1) * stride + n) / 2 pairs of
 * values, and 32 * depth_multiplier for each of n / 2 + 1 pairs of weights, the first number
 * rounded up and the second one down; 16 * tile; and n times tile rounded up to 4. */
void mlut_depthwise_lines(
    const mlut_depthwise_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch);

/* The same with few outputs and a depth multiplier of 1; `rows` and `convolve` have no meaning. The
 * output may be the input if both are one pixel of a multiple of 4 channels. Scratch: tile * (16 +
 * kernel positions). */
void mlut_depthwise_few(
    const mlut_depthwise_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_DEPTHWISE_CONV2D_H */
