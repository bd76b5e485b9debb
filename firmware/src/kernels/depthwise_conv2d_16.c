/* Depthwise convolution between int16 tensors, whose zero points are 0. Eight channels are decoded
 * at a time, one after the other meets every pixel. */
#include "microlut/depthwise_conv2d_16.h"
#include "../decode.h"
#include "linear_16.h"

/* Add the products of a channel for one pixel; `in` points at the channel, and weights of
 * neighbouring positions are MLUT_DEPTHWISE_16_CHANNELS apart. */
static int64_t mlut_depthwise_16_field(const mlut_depthwise_conv2d_16_t *layer,
    const mlut_int16_t *in,
    size_t y,
    size_t x,
    const int8_t *weights,
    int64_t total)
{
    const mlut_window_t *const window = &layer->window;
    /* Positions before the picture are huge unsigned values. */
    const size_t top = y * window->stride_y - window->pad_top;
    const size_t left = x * window->stride_x - window->pad_left;
    const size_t channels = layer->in.channels;
    for (size_t i = 0; i < window->height; i++) {
        const size_t row = top + i * window->dilation_y;
        for (size_t j = 0; j < window->width; j++, weights += MLUT_DEPTHWISE_16_CHANNELS) {
            const size_t column = left + j * window->dilation_x;
            if (row < layer->in.height && column < layer->in.width) {
                total += in[(row * layer->in.width + column) * channels] * *weights;
            }
        }
    }
    return total;
}

/* Compute output channel number c of all pixels. */
static void mlut_depthwise_16_plane(const mlut_depthwise_conv2d_16_t *layer,
    const mlut_int16_t *in,
    size_t c,
    const int8_t *weights,
    mlut_int16_t *out)
{
    const mlut_channel_16_t channel = mlut_expand_channel_16(&layer->output, c);
    out += c;
    for (size_t y = 0; y < layer->out.height; y++) {
        for (size_t x = 0; x < layer->out.width; x++, out += layer->out.channels) {
            const int64_t total = mlut_depthwise_16_field(layer, in, y, x, weights, channel.bias);
            *out = mlut_output_16(&channel, total, layer->minimum, layer->maximum);
        }
    }
}

void mlut_depthwise_conv2d_16(
    const mlut_depthwise_conv2d_16_t *layer, const void *in, void *out, void *scratch)
{
    const mlut_int16_t *const from = (const mlut_int16_t *)in;
    int8_t *const weights = (int8_t *)scratch;
    const size_t positions = (size_t)layer->window.height * layer->window.width;
    const size_t channels = layer->out.channels;
    for (size_t first = 0; first < channels; first += MLUT_DEPTHWISE_16_CHANNELS) {
        const size_t left = channels - first;
        const size_t some = left < MLUT_DEPTHWISE_16_CHANNELS ? left : MLUT_DEPTHWISE_16_CHANNELS;
        for (size_t p = 0; p < positions; p++) {
            mlut_decode(&layer->weights, p, first, some, weights + p * MLUT_DEPTHWISE_16_CHANNELS);
        }
        for (size_t i = 0; i < some; i++) {
            const size_t c = first + i;
            mlut_depthwise_16_plane(
                layer, from + c / layer->depth_multiplier, c, weights + i, (mlut_int16_t *)out);
        }
    }
}
