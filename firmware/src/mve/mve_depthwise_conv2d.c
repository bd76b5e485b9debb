/* Depthwise convolution with codebook weights for cores with MVE; what is computed is that of
 * kernels/depthwise_conv2d.c. Any kernel: eight input channels at a time are copied to a band with
 * the padding around them, then four output channels meet one position after the other. */
#include "../isa/isa.h"

#if MLUT_ISA_MVE

#include "../decode.h"
#include "depthwise.h"
#include "output.h"

#include <string.h>

#define MLUT_MVE_DEPTHWISE_BAND_CHANNELS 8u /* of the input, in a band */

/* Copy `count` channels of the picture from number `first` on, with the padding around them. */
static __attribute__((noinline)) void mlut_mve_depthwise_copy_band(
    const mlut_plane_t *plane, size_t first, size_t count)
{
    const mlut_depthwise_conv2d_t *layer = plane->layer;
    const size_t channels = layer->in.channels;
    const size_t pad = layer->window.pad_left;
    const size_t room = plane->pitch > pad ? plane->pitch - pad : 0;
    const size_t width = layer->in.width < room ? layer->in.width : room;
    mlut_mve_fill(plane->band, layer->input_zero_point,
        MLUT_MVE_DEPTHWISE_BAND_CHANNELS * plane->pitch * plane->height);
    for (size_t i = 0; i < plane->height; i++) {
        const size_t row = plane->top + i;
        const int8_t *from = plane->in + row * layer->in.width * channels + first;
        int8_t *to = plane->band + (i * plane->pitch + pad) * MLUT_MVE_DEPTHWISE_BAND_CHANNELS;
        for (size_t j = 0; j < width && row < layer->in.height; j++) {
            if (count == MLUT_MVE_DEPTHWISE_BAND_CHANNELS) {
                memcpy(to, from, MLUT_MVE_DEPTHWISE_BAND_CHANNELS);
            } else {
                mlut_mve_copy(to, from, count);
            }
            from += channels;
            to += MLUT_MVE_DEPTHWISE_BAND_CHANNELS;
        }
    }
}

/* One output position of the channels that `lanes` has. Their weights are `gap` bytes apart, their
 * inputs at `offsets`. */
static int32x4_t mlut_mve_depthwise_sum_window(const mlut_plane_t *plane,
    const int8_t *from,
    const int8_t *weights,
    uint32x4_t offsets,
    mve_pred16_t lanes)
{
    const mlut_window_t *window = &plane->layer->window;
    const size_t step = (size_t)window->dilation_x * MLUT_MVE_DEPTHWISE_BAND_CHANNELS;
    const size_t down =
        (size_t)window->dilation_y * plane->pitch * MLUT_MVE_DEPTHWISE_BAND_CHANNELS;
    int32x4_t total = vdupq_n_s32(0);
    for (size_t i = 0; i < window->height; i++, from += down) {
        const int8_t *x = from;
        for (size_t j = 0; j < window->width; j++, x += step, weights += plane->count) {
            const int32x4_t values = vldrbq_gather_offset_s32(x, offsets);
            total = vaddq_s32(total, vmulq_s32(values, vldrbq_z_s32(weights, lanes)));
        }
    }
    return total;
}

/* Up to four output channels from number `c` of the tile on, of which number `base` reads the
 * band's first channel. */
static void mlut_mve_depthwise_sum_four(
    const mlut_plane_t *plane, size_t c, size_t base, int8_t *out)
{
    const mlut_depthwise_conv2d_t *layer = plane->layer;
    const mlut_window_t *window = &layer->window;
    const mlut_mve_channels_t channels = mlut_mve_channels(plane->channels + c, MLUT_ROUND_ANY);
    const size_t left = plane->count - c;
    const mve_pred16_t lanes = vctp32q(left);
    uint32_t inputs[4] = {0};
    for (uint32_t i = 0; i < 4u && i < left; i++) {
        const size_t input = (c - base + i) / layer->depth_multiplier;
        inputs[i] = input < MLUT_MVE_DEPTHWISE_BAND_CHANNELS
                        ? input
                        : 0u; /* else dropped: behind the last of the band */
    }
    const uint32x4_t offsets = vldrwq_u32(inputs);
    for (size_t y = 0; y < plane->rows; y++) {
        const int8_t *from =
            plane->band + y * window->stride_y * plane->pitch * MLUT_MVE_DEPTHWISE_BAND_CHANNELS;
        for (size_t x = 0; x < layer->out.width; x++, out += layer->out.channels) {
            const int32x4_t totals =
                mlut_mve_depthwise_sum_window(plane, from, plane->weights + c, offsets, lanes);
            vstrbq_p_s32(
                out, mlut_mve_output(&layer->output, &channels, totals, MLUT_ROUND_ANY), lanes);
            from += window->stride_x * MLUT_MVE_DEPTHWISE_BAND_CHANNELS;
        }
    }
}

void mlut_convolve_any(const mlut_plane_t *plane, int8_t *out)
{
    const size_t multiplier = plane->layer->depth_multiplier;
    const size_t step = MLUT_MVE_DEPTHWISE_BAND_CHANNELS * multiplier;
    for (size_t base = 0; base < plane->count; base += step) {
        const size_t left = plane->count - base;
        const size_t count = left < step ? left : step;
        mlut_mve_depthwise_copy_band(plane, (plane->first + base) / multiplier, count / multiplier);
        for (size_t c = base; c < base + count; c += 4u) {
            mlut_mve_depthwise_sum_four(plane, c, base, out + c);
        }
    }
}

/* Values from an output row's or column's first input to its last one's end. */
static size_t mlut_mve_depthwise_reach(size_t outputs, size_t stride, size_t size, size_t dilation)
{
    return (outputs - 1u) * stride + (size - 1u) * dilation + 1u;
}

/* Make some output channels: the first one's weights begin on a byte. */
static inline __attribute__((always_inline)) void mlut_depthwise_conv2d_run(
    const mlut_depthwise_conv2d_t *layer,
    size_t from,
    size_t until,
    const int8_t *in,
    int8_t *out,
    void *scratch)
{
    const mlut_window_t *window = &layer->window;
    const size_t channels = layer->out.channels;
    const size_t positions = (size_t)window->height * window->width;
    const size_t pitch = mlut_mve_depthwise_reach(
        layer->out.width, window->stride_x, window->width, window->dilation_x);
    const size_t height =
        mlut_mve_depthwise_reach(layer->rows, window->stride_y, window->height, window->dilation_y);
    mlut_channel_t *expanded = (mlut_channel_t *)scratch;
    int8_t *band = (int8_t *)(expanded + layer->tile);
    int8_t *weights =
        band + MLUT_MVE_DEPTHWISE_BAND_CHANNELS * pitch * ((height + 1u) & ~(size_t)1);

    for (size_t first = from; first < until; first += layer->tile) {
        const size_t count = until - first < layer->tile ? until - first : layer->tile;
        for (size_t i = 0; i < positions; i++) {
            mlut_decode(&layer->weights, i, first, count, weights + i * count);
        }
        mlut_expand_channels(&layer->output, first, count, expanded);
        mlut_plane_t plane = {
            layer, expanded, weights, in, band, first, count, 0, height, pitch, 0};
        for (size_t y = 0; y < layer->out.height; y += layer->rows) {
            const size_t left = layer->out.height - y;
            plane.rows = left < layer->rows ? left : layer->rows;
            plane.top = y * window->stride_y - window->pad_top;
            layer->convolve(&plane, out + y * layer->out.width * channels + first);
        }
    }
}

void mlut_depthwise_conv2d(
    const mlut_depthwise_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    mlut_depthwise_conv2d_run(layer, 0, layer->out.channels, in, out, scratch);
}

void mlut_depthwise_conv2d_part(const mlut_depthwise_conv2d_t *layer,
    size_t from,
    size_t until,
    const int8_t *in,
    int8_t *out,
    void *scratch)
{
    mlut_depthwise_conv2d_run(layer, from, until, in, out, scratch);
}

#endif
