/* Transposed convolution between int16 tensors, whose zero points are 0. A row of weights is
 * decoded once and meets every output pixel, which gathers the taps that reach it: every stride-th
 * one, from inputs backwards. */
#include "microlut/transpose_conv2d_16.h"
#include "linear_16.h"

static int64_t mlut_transpose_conv2d_16_field(const mlut_transpose_conv2d_16_t *layer,
    const mlut_int16_t *in,
    size_t down,
    size_t across,
    const int8_t *weights,
    int64_t total)
{
    const mlut_window_t *const window = &layer->window;
    const size_t depth = layer->in.channels;
    size_t y = down / window->stride_y;
    for (size_t i = down % window->stride_y; i < window->height; i += window->stride_y, y--) {
        /* Pixels before the picture wrap to huge unsigned values. */
        if (y >= layer->in.height) {
            continue;
        }
        size_t x = across / window->stride_x;
        for (size_t j = across % window->stride_x; j < window->width; j += window->stride_x, x--) {
            if (x < layer->in.width) {
                total = mlut_dot_16(in + (y * layer->in.width + x) * depth,
                    weights + (i * window->width + j) * depth, depth, total);
            }
        }
    }
    return total;
}

void mlut_transpose_conv2d_16(
    const mlut_transpose_conv2d_16_t *layer, const void *in, void *out, void *scratch)
{
    const mlut_int16_t *const from = (const mlut_int16_t *)in;
    const size_t channels = layer->out.channels;
    const size_t columns = (size_t)layer->window.height * layer->window.width * layer->in.channels;
    for (size_t c = 0; c < channels; c++) {
        const int8_t *const weights = mlut_row_16(&layer->weights, c, columns, scratch);
        const mlut_channel_16_t channel = mlut_expand_channel_16(&layer->output, c);
        mlut_int16_t *to = (mlut_int16_t *)out + c;
        for (size_t y = 0; y < layer->out.height; y++) {
            for (size_t x = 0; x < layer->out.width; x++, to += channels) {
                const int64_t total = mlut_transpose_conv2d_16_field(layer, from,
                    y + layer->window.pad_top, x + layer->window.pad_left, weights, channel.bias);
                *to = mlut_output_16(&channel, total, layer->minimum, layer->maximum);
            }
        }
    }
}
