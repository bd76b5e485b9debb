/* Convolution between int16 tensors, whose zero points are 0. A row of weights is decoded once and
 * meets every pixel; positions outside of the picture are left out. */
#include "microlut/conv2d_16.h"
#include "linear_16.h"

/* Add the products of one kernel row, which reads the picture's row `from` from pixel `left` on.
 * Positions before the picture are huge unsigned values. */
static int64_t mlut_conv2d_16_row(const mlut_conv2d_16_t *layer,
    const mlut_int16_t *from,
    size_t left,
    const int8_t *weights,
    int64_t total)
{
    const size_t channels = layer->in.channels;
    const size_t width = layer->window.width;
    const size_t right = left + width - 1u;
    if (layer->window.dilation_x == 1 && left < layer->in.width && right < layer->in.width) {
        return mlut_dot_16(from + left * channels, weights, width * channels, total);
    }
    for (size_t j = 0; j < width; j++, weights += channels) {
        const size_t column = left + j * layer->window.dilation_x;
        if (column < layer->in.width) {
            total = mlut_dot_16(from + column * channels, weights, channels, total);
        }
    }
    return total;
}

static int64_t mlut_conv2d_16_field(const mlut_conv2d_16_t *layer,
    const mlut_int16_t *in,
    size_t y,
    size_t x,
    const int8_t *weights,
    int64_t total)
{
    const mlut_window_t *const window = &layer->window;
    const size_t top = y * window->stride_y - window->pad_top;
    const size_t left = x * window->stride_x - window->pad_left;
    const size_t line = (size_t)layer->in.width * layer->in.channels;
    for (size_t i = 0; i < window->height; i++) {
        const size_t row = top + i * window->dilation_y;
        if (row < layer->in.height) {
            total = mlut_conv2d_16_row(layer, in + row * line, left, weights, total);
        }
        weights += (size_t)window->width * layer->in.channels;
    }
    return total;
}

void mlut_conv2d_16(const mlut_conv2d_16_t *layer, const void *in, void *out, void *scratch)
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
                const int64_t total =
                    mlut_conv2d_16_field(layer, from, y, x, weights, channel.bias);
                *to = mlut_output_16(&channel, total, layer->minimum, layer->maximum);
            }
        }
    }
}
