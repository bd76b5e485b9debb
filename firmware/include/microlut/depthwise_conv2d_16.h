/* Depthwise convolution of int16 values. */
#ifndef MICROLUT_DEPTHWISE_CONV2D_16_H
#define MICROLUT_DEPTHWISE_CONV2D_16_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MLUT_DEPTHWISE_16_CHANNELS 8u /* that are decoded at a time */

/* Depthwise convolution between int16 tensors: output channel c reads input channel c /
 * depth_multiplier. Rows of `weights`: kernel positions; columns: output channels. Of `output`, the
 * zero point, the limits and the rounding do not count. Scratch: MLUT_DEPTHWISE_16_CHANNELS * (16 +
 * kernel positions) bytes. */
typedef struct {
    mlut_weights_t weights;
    mlut_output_t output;
    mlut_shape_t in;
    mlut_shape_t out;
    mlut_window_t window;
    uint16_t depth_multiplier;
    int16_t minimum;
    int16_t maximum;
} mlut_depthwise_conv2d_16_t;

void mlut_depthwise_conv2d_16(
    const mlut_depthwise_conv2d_16_t *layer, const void *in, void *out, void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_DEPTHWISE_CONV2D_16_H */
