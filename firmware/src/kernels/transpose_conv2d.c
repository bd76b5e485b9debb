/* Transposed convolution with codebook weights.
 *
 * out[y, x, c] = stage(bias[c] + sum over (i, j, k) of w[c, i, j, k] * (in[y', x', k] - zero
 * point)) over the taps with y' * stride + i = y + pad, x' likewise. Every output pixel gathers its
 * taps, so no picture of 32-bit sums is needed. Taps differ between pixels; what the zero point
 * adds is taken out tap by tap, and the folded bias, which took out all of them, is unfolded first.
 */
#include "microlut/transpose_conv2d.h"
#include "../isa/isa.h"
#include "output_stage.h"

#define MLUT_TRANSPOSE_ROWS 4u

/* A tile of channels, decoded. */
typedef struct {
    const mlut_transpose_conv2d_t *layer;
    const mlut_channel_t *channels;
    const int32_t *sums;   /* zero point * sum of weights, [channels, taps] */
    const int8_t *weights; /* [channels, taps, input channels] */
    size_t taps;
    size_t depth;
} mlut_transpose_conv2d_tile_t;

/* The taps that reach a pixel: every stride-th from the first one, from inputs backwards. */
typedef struct {
    size_t first;
    size_t at; /* the input that the first one reads */
} mlut_transpose_conv2d_taps_t;

static inline mlut_transpose_conv2d_taps_t mlut_transpose_conv2d_taps_of(
    size_t output, size_t pad, size_t stride)
{
    const mlut_transpose_conv2d_taps_t taps = {(output + pad) % stride, (output + pad) / stride};
    return taps;
}

static void mlut_transpose_conv2d_decode(
    const mlut_weights_t *weights, size_t row, size_t count, int8_t *to)
{
    const uint8_t *from = weights->indices + row * weights->row_bytes;
    const unsigned bits = weights->bits;
    const uint32_t mask = (UINT32_C(1) << weights->index_bits) - 1u;
    uint32_t window = 0;
    unsigned held = weights->index_bits - bits; /* zeros before the first index */
    for (size_t i = 0; i < count; i++) {
        while (held < weights->index_bits) {
            window |= (uint32_t)*from++ << held;
            held += 8u;
        }
        const uint32_t index = window & mask;
        to[i] = weights->codebook == NULL ? (int8_t)index : weights->codebook[index];
        window >>= bits;
        held -= bits;
    }
}

/* Decode a tile, and move what the zero point adds from the biases to the taps. */
static void mlut_transpose_conv2d_unpack(const mlut_transpose_conv2d_t *layer,
    size_t first,
    size_t count,
    size_t taps,
    mlut_channel_t *channels,
    int32_t *sums,
    int8_t *weights)
{
    const size_t depth = layer->in.channels;
    mlut_expand_channels(&layer->output, first, count, channels);
    for (size_t c = 0; c < count; c++) {
        mlut_transpose_conv2d_decode(&layer->weights, first + c, taps * depth, weights);
        for (size_t i = 0; i < taps; i++) {
            int32_t sum = 0;
            for (size_t k = 0; k < depth; k++) {
                sum += *weights++;
            }
            *sums = sum * layer->input_zero_point;
            channels[c].bias += *sums++;
        }
    }
}

/* The totals of `rows` channels, 4 or 1, at one pixel. */
static inline __attribute__((always_inline)) void mlut_transpose_conv2d_gather(
    const mlut_transpose_conv2d_tile_t *tile,
    const int8_t *in,
    mlut_transpose_conv2d_taps_t down,
    mlut_transpose_conv2d_taps_t across,
    size_t first,
    size_t rows,
    int32_t totals[MLUT_TRANSPOSE_ROWS])
{
    const mlut_transpose_conv2d_t *layer = tile->layer;
    const mlut_window_t *window = &layer->window;
    const size_t columns = tile->taps * tile->depth;
    const int8_t *const weights = tile->weights + first * columns;
    const int32_t *const sums = tile->sums + first * tile->taps;
    size_t y = down.at;
    for (size_t i = down.first; i < window->height; i += window->stride_y, y--) {
        /* Pixels before the picture wrap to huge unsigned values. */
        if (y >= layer->in.height) {
            continue;
        }
        size_t x = across.at;
        for (size_t j = across.first; j < window->width; j += window->stride_x, x--) {
            if (x >= layer->in.width) {
                continue;
            }
            const size_t tap = i * window->width + j;
            const int8_t *from = in + (y * layer->in.width + x) * tile->depth;
            if (rows == MLUT_TRANSPOSE_ROWS) {
                mlut_isa_dot4(from, weights + tap * tile->depth, columns, tile->depth, totals, 1);
            } else {
                totals[0] = mlut_isa_dot(from, weights + tap * tile->depth, tile->depth, totals[0]);
            }
            for (size_t r = 0; r < rows; r++) {
                totals[r] -= sums[r * tile->taps + tap];
            }
        }
    }
}

/* All channels of a tile at one pixel. */
static void mlut_transpose_conv2d_pixel(const mlut_transpose_conv2d_tile_t *tile,
    const int8_t *in,
    mlut_transpose_conv2d_taps_t down,
    mlut_transpose_conv2d_taps_t across,
    size_t count,
    int8_t *out)
{
    const mlut_output_t *stage = &tile->layer->output;
    size_t c = 0;
    for (; c + MLUT_TRANSPOSE_ROWS <= count; c += MLUT_TRANSPOSE_ROWS) {
        const mlut_channel_t *channel = tile->channels + c;
        int32_t totals[MLUT_TRANSPOSE_ROWS] = {
            channel[0].bias, channel[1].bias, channel[2].bias, channel[3].bias};
        mlut_transpose_conv2d_gather(tile, in, down, across, c, MLUT_TRANSPOSE_ROWS, totals);
        for (size_t r = 0; r < MLUT_TRANSPOSE_ROWS; r++) {
            out[c + r] = mlut_output(stage, channel + r, totals[r]);
        }
    }
    for (; c < count; c++) {
        int32_t totals[MLUT_TRANSPOSE_ROWS] = {tile->channels[c].bias, 0, 0, 0};
        mlut_transpose_conv2d_gather(tile, in, down, across, c, 1, totals);
        out[c] = mlut_output(stage, tile->channels + c, totals[0]);
    }
}

void mlut_transpose_conv2d(
    const mlut_transpose_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    const mlut_window_t *window = &layer->window;
    const size_t taps = (size_t)window->height * window->width;
    mlut_channel_t *channels = (mlut_channel_t *)scratch;
    int32_t *sums = (int32_t *)(channels + layer->tile);
    int8_t *weights = (int8_t *)(sums + layer->tile * taps);
    const mlut_transpose_conv2d_tile_t tile = {
        layer, channels, sums, weights, taps, layer->in.channels};

    for (size_t first = 0; first < layer->out.channels; first += layer->tile) {
        const size_t left = layer->out.channels - first;
        const size_t count = left < layer->tile ? left : layer->tile;
        mlut_transpose_conv2d_unpack(layer, first, count, taps, channels, sums, weights);
        int8_t *to = out + first;
        for (size_t y = 0; y < layer->out.height; y++) {
            const mlut_transpose_conv2d_taps_t down =
                mlut_transpose_conv2d_taps_of(y, window->pad_top, window->stride_y);
            for (size_t x = 0; x < layer->out.width; x++, to += layer->out.channels) {
                mlut_transpose_conv2d_pixel(&tile, in, down,
                    mlut_transpose_conv2d_taps_of(x, window->pad_left, window->stride_x), count,
                    to);
            }
        }
    }
}
