/* Depthwise convolution with codebook weights.
 *
 * out[y, x, c] = stage(bias[c] + sum over (i, j) of w[i, j, c] * in[y', x', c / multiplier]). For
 * every pixel the kernel positions are added one after the other to a row of accumulators, so that
 * weights and inputs are both read along channels. Padding has the value of the zero point. */
#include "decode.h"
#include "kernels/output_stage.h"

/* totals[c] += weights[c] * x[c / multiplier] over `count` channels. */
static void accumulate(
    int32_t *totals, const int8_t *weights, const int8_t *x, size_t count, size_t multiplier)
{
    if (multiplier == 1) {
        for (size_t c = 0; c < count; c++) {
            totals[c] += (int32_t)weights[c] * x[c];
        }
        return;
    }
    for (size_t c = 0; c < count; x++) {
        for (size_t m = 0; m < multiplier; m++, c++) {
            totals[c] += (int32_t)weights[c] * *x;
        }
    }
}

static void accumulate_padding(int32_t *totals, const int8_t *weights, int32_t value, size_t count)
{
    for (size_t c = 0; c < count; c++) {
        totals[c] += weights[c] * value;
    }
}

/* Accumulate all kernel positions of output pixel (y, x) for `count` channels from `first` on. */
static void convolve_pixel(const mlut_depthwise_conv2d_t *layer,
    const int8_t *in,
    const int8_t *weights,
    const size_t position[2],
    size_t first,
    size_t count,
    int32_t *totals)
{
    const mlut_window_t *window = &layer->window;
    const size_t top = position[0] * window->stride_y - window->pad_top;
    const size_t left = position[1] * window->stride_x - window->pad_left;
    for (size_t i = 0; i < window->height; i++) {
        const size_t row = top + i * window->dilation_y;
        for (size_t j = 0; j < window->width; j++, weights += count) {
            const size_t column = left + j * window->dilation_x;
            if (row >= layer->in.height || column >= layer->in.width) {
                accumulate_padding(totals, weights, layer->input_zero_point, count);
                continue;
            }
            const size_t pixel = row * layer->in.width + column;
            const size_t channel = first / layer->depth_multiplier;
            const int8_t *from = in + pixel * layer->in.channels + channel;
            accumulate(totals, weights, from, count, layer->depth_multiplier);
        }
    }
}

void mlut_depthwise_conv2d(
    const mlut_depthwise_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    const size_t channels = layer->out.channels;
    const size_t positions = (size_t)layer->window.height * layer->window.width;
    mlut_channel_t *expanded = scratch;
    int32_t *totals = (int32_t *)(expanded + layer->tile);
    int8_t *weights = (int8_t *)(totals + layer->tile);

    for (size_t first = 0; first < channels; first += layer->tile) {
        const size_t count = channels - first < layer->tile ? channels - first : layer->tile;
        for (size_t i = 0; i < positions; i++) {
            mlut_decode(&layer->weights, i, first, count, weights + i * count);
        }
        mlut_expand_channels(&layer->output, first, count, expanded);
        int8_t *to = out + first;
        for (size_t y = 0; y < layer->out.height; y++) {
            for (size_t x = 0; x < layer->out.width; x++, to += channels) {
                const size_t position[2] = {y, x};
                for (size_t c = 0; c < count; c++) {
                    totals[c] = expanded[c].bias;
                }
                convolve_pixel(layer, in, weights, position, first, count, totals);
                for (size_t c = 0; c < count; c++) {
                    to[c] = mlut_output(&layer->output, expanded + c, totals[c]);
                }
            }
        }
    }
}
