/* Convolution with codebook weights.
 *
 * out[y, x, c] = stage(bias[c] + sum over (i, j, k) of w[c, i, j, k] * in[y', x', k]) with
 * y' = y * stride - pad + i * dilation, x' likewise. A tile of output channels is decoded once and
 * meets every pixel; each pixel's receptive field is gathered into one contiguous vector, where
 * padding holds the input zero point (whose products the folded bias takes away again). */
#include "decode.h"
#include "kernels/rows.h"

#include <string.h>

/* Copy the receptive field of output pixel (y, x) to `patch`, height x width x channels. */
static void gather(const mlut_conv2d_t *layer, const int8_t *in, size_t y, size_t x, int8_t *patch)
{
    const mlut_window_t *window = &layer->window;
    const size_t channels = layer->in.channels;
    const size_t row_bytes = layer->in.width * channels;
    /* Positions before the picture wrap to huge unsigned values, which the tests below reject. */
    const size_t top = y * window->stride_y - window->pad_top;
    const size_t left = x * window->stride_x - window->pad_left;
    const size_t right = left + (size_t)window->width - 1u;
    for (size_t i = 0; i < window->height; i++) {
        const size_t row = top + i * window->dilation_y;
        if (row >= layer->in.height) {
            memset(patch, layer->input_zero_point, window->width * channels);
            patch += window->width * channels;
            continue;
        }
        const int8_t *from = in + row * row_bytes;
        if (window->dilation_x == 1 && left < layer->in.width && right < layer->in.width) {
            memcpy(patch, from + left * channels, window->width * channels);
            patch += window->width * channels;
            continue;
        }
        for (size_t j = 0; j < window->width; j++, patch += channels) {
            const size_t column = left + j * window->dilation_x;
            if (column >= layer->in.width) {
                memset(patch, layer->input_zero_point, channels);
            } else {
                memcpy(patch, from + column * channels, channels);
            }
        }
    }
}

void mlut_conv2d(const mlut_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    const mlut_window_t *window = &layer->window;
    const size_t channels = layer->out.channels;
    const size_t columns = (size_t)window->height * window->width * layer->in.channels;
    mlut_channel_t *expanded = scratch;
    int8_t *decoded = (int8_t *)(expanded + layer->tile);
    const size_t row_bytes = layer->weights.codebook == NULL ? 0 : columns;
    const size_t tile_bytes = layer->tile * (sizeof(mlut_channel_t) + row_bytes);
    int8_t *patch =
        (int8_t *)scratch + (tile_bytes + MLUT_ALIGNMENT - 1u) / MLUT_ALIGNMENT * MLUT_ALIGNMENT;

    for (size_t first = 0; first < channels; first += layer->tile) {
        const size_t rows = channels - first < layer->tile ? channels - first : layer->tile;
        const int8_t *weights = mlut_decode_rows(&layer->weights, first, rows, columns, decoded);
        mlut_expand_channels(&layer->output, first, rows, expanded);
        int8_t *to = out + first;
        for (size_t y = 0; y < layer->out.height; y++) {
            for (size_t x = 0; x < layer->out.width; x++, to += channels) {
                const int8_t *vector = patch;
                if (layer->gather) {
                    gather(layer, in, y, x, patch);
                } else {
                    const size_t row = y * window->stride_y * layer->in.width;
                    vector = in + (row + x * window->stride_x) * layer->in.channels;
                }
                mlut_multiply_rows(&layer->output, expanded, vector, weights, columns, rows, to);
            }
        }
    }
}
