/* Depthwise convolution with codebook weights.
 *
 * out[y, x, c] = stage(bias[c] + sum over (i, j) of w[i, j, c] * in[y', x', c / multiplier]). Four
 * input channels at a time are spread into planes of int16, with the padding around them, for a
 * band of output rows. In a plane two rows lie interleaved: a word is a pair of vertical
 * neighbours, and 3x3 kernels make two output rows of two rows of words. Padding has the value of
 * the zero point. */
#include "microlut/depthwise_conv2d.h"
#include "../decode.h"
#include "../isa/isa.h"
#include "output_stage.h"

#include <string.h>

#if !MLUT_ISA_MVE

#define MLUT_DEPTHWISE_LANES 4u

/* A band of input rows as planes, one per channel. */
typedef struct {
    uint32_t *pairs;
    size_t pitch;  /* pairs a row */
    size_t height; /* rows of the picture, two to a pair */
    size_t size;   /* pairs a plane */
    size_t top;    /* the picture's row that is the first one, modulo 2^n */
} mlut_depthwise_planes_t;

/* What one channel of a band needs. */
typedef struct mlut_plane {
    const mlut_depthwise_conv2d_t *layer;
    const mlut_channel_t *channel;
    const int8_t *weights; /* of the channel, one every `gap` */
    size_t gap;
    const uint32_t *plane; /* its row y is the half y % 2 of row y / 2 */
    size_t pitch;          /* words per row */
    size_t rows;           /* of outputs */
} mlut_depthwise_plane_t;

/* Outputs of a 3x3 kernel without dilation whose first input row is the first of a pair: of one
 * row, or with `both` of the next row too. */
static inline __attribute__((always_inline)) void mlut_depthwise_3x3(
    const mlut_depthwise_plane_t *job,
    const uint32_t weights[6],
    const uint32_t *p,
    int both,
    unsigned rounding,
    int8_t *out)
{
    const mlut_channel_t channel = *job->channel; /* which outputs cannot alias */
    const size_t step = job->layer->window.stride_x;
    const size_t stride = job->layer->out.channels;
    const size_t below = job->layer->out.width * stride;
    const uint32_t *q = p + job->pitch;
    for (const int8_t *const end = out + below; out != end; p += step, q += step, out += stride) {
        int32_t totals[2] = {channel.bias, channel.bias};
        mlut_isa_two_3x3(p, q, weights, totals);
        out[0] = mlut_quick_output(&channel, totals[0], rounding);
        if (both) {
            out[below] = mlut_quick_output(&channel, totals[1], rounding);
        }
    }
}

/* All rows of a 3x3 kernel with stride 1 or 2. */
static inline __attribute__((always_inline)) void mlut_depthwise_convolve_rows_3x3(
    const mlut_depthwise_plane_t *job, unsigned rounding, int8_t *out)
{
    uint32_t pairs[6]; /* of column j, rows 0 and 1, and rows 1 and 2 */
    for (size_t j = 0; j < 3; j++) {
        const int8_t *w = job->weights + j * job->gap;
        pairs[j] = mlut_generic_pair(w[0], w[3u * job->gap]);
        pairs[j + 3u] = mlut_generic_pair(w[3u * job->gap], w[6u * job->gap]);
    }
    const size_t row_bytes = (size_t)job->layer->out.width * job->layer->out.channels;
    const uint32_t *from = job->plane;
    size_t left = job->rows;
    if (job->layer->window.stride_y == 1) {
        for (; left > 1; left -= 2, from += job->pitch, out += 2u * row_bytes) {
            mlut_depthwise_3x3(job, pairs, from, 1, rounding, out);
        }
    }
    for (; left > 0; left--, from += job->pitch, out += row_bytes) {
        mlut_depthwise_3x3(job, pairs, from, 0, rounding, out);
    }
}

static int32_t mlut_depthwise_plane_value(
    const mlut_depthwise_plane_t *job, size_t row, size_t column)
{
    const uint32_t pair = job->plane[row / 2u * job->pitch + column];
    return (int16_t)(row % 2u == 0 ? pair : pair >> 16);
}

/* Any kernel. */
void mlut_convolve_any(const mlut_depthwise_plane_t *job, int8_t *out)
{
    const mlut_window_t *window = &job->layer->window;
    for (size_t y = 0; y < job->rows; y++) {
        for (size_t x = 0; x < job->layer->out.width; x++, out += job->layer->out.channels) {
            const int8_t *weight = job->weights;
            int32_t total = job->channel->bias;
            for (size_t i = 0; i < window->height; i++) {
                const size_t row = y * window->stride_y + i * window->dilation_y;
                for (size_t j = 0; j < window->width; j++, weight += job->gap) {
                    const size_t column = x * window->stride_x + j * window->dilation_x;
                    total += *weight * mlut_depthwise_plane_value(job, row, column);
                }
            }
            *out = mlut_output(&job->layer->output, job->channel, total);
        }
    }
}

void mlut_convolve_3x3_signed(const mlut_depthwise_plane_t *job, int8_t *out)
{
    mlut_depthwise_convolve_rows_3x3(job, MLUT_ROUND_SIGNED, out);
}

void mlut_convolve_3x3_positive(const mlut_depthwise_plane_t *job, int8_t *out)
{
    mlut_depthwise_convolve_rows_3x3(job, MLUT_ROUND_POSITIVE, out);
}

/* Write one half of a pair. */
static inline void mlut_depthwise_put_half(uint8_t *to, uint32_t value)
{
    const uint16_t half = (uint16_t)value;
    memcpy(to, &half, sizeof(half));
}

/* Spread `lanes` channels of one row of the picture: one value a pair, to planes `size` bytes
 * apart. */
static void mlut_depthwise_spread_row(
    const int8_t *from, size_t channels, size_t count, size_t lanes, uint8_t *to, size_t size)
{
    for (; lanes < MLUT_DEPTHWISE_LANES && count > 0; count--, from += channels, to += 4) {
        for (size_t i = 0; i < lanes; i++) {
            mlut_depthwise_put_half(to + i * size, (uint32_t)from[i]);
        }
    }
    uint8_t *third = to + 2u * size;
    for (; count > 0; count--, from += channels, to += 4, third += 4) {
        uint32_t word;
        memcpy(&word, from, sizeof(word));
        const uint32_t even = mlut_isa_even(word);
        const uint32_t odd = mlut_isa_odd(word);
        mlut_depthwise_put_half(to, even);
        mlut_depthwise_put_half(to + size, odd);
        mlut_depthwise_put_half(third, even >> 16);
        mlut_depthwise_put_half(third + size, odd >> 16);
    }
}

/* Spread `lanes` channels of the picture from number `first` on; the padding is there already. */
static void mlut_depthwise_spread(const mlut_depthwise_conv2d_t *layer,
    const int8_t *in,
    size_t first,
    size_t lanes,
    const mlut_depthwise_planes_t *planes)
{
    const size_t channels = layer->in.channels;
    const size_t pad = layer->window.pad_left;
    const size_t room = planes->pitch > pad ? planes->pitch - pad : 0;
    const size_t count = layer->in.width < room ? layer->in.width : room;
    for (size_t i = 0; i < planes->height; i++) {
        const size_t row = planes->top + i;
        if (row < layer->in.height) {
            const int8_t *from = in + row * layer->in.width * channels + first;
            uint8_t *to = (uint8_t *)(planes->pairs + i / 2u * planes->pitch + pad) + i % 2u * 2u;
            mlut_depthwise_spread_row(
                from, channels, count, lanes, to, planes->size * sizeof(uint32_t));
        }
    }
}

/* Values from an output row's or column's first input to its last one's end. */
static size_t mlut_depthwise_reach(size_t outputs, size_t stride, size_t size, size_t dilation)
{
    return (outputs - 1u) * stride + (size - 1u) * dilation + 1u;
}

/* All channels of a tile for the output rows of one band. */
static __attribute__((noinline)) void mlut_depthwise_convolve_band(mlut_depthwise_plane_t *job,
    const mlut_depthwise_planes_t *planes,
    const int8_t *in,
    size_t first,
    size_t count,
    int8_t *out)
{
    const mlut_depthwise_conv2d_t *layer = job->layer;
    const size_t multiplier = layer->depth_multiplier;
    const mlut_depthwise_plane_t start = *job;
    const uint32_t padding = mlut_generic_pair(layer->input_zero_point, layer->input_zero_point);
    for (size_t i = 0; i < MLUT_DEPTHWISE_LANES * planes->size; i++) {
        planes->pairs[i] = padding;
    }
    for (size_t c = 0; c < count; c++) {
        const size_t lane = c / multiplier % MLUT_DEPTHWISE_LANES;
        if (c % (MLUT_DEPTHWISE_LANES * multiplier) == 0) {
            const size_t left = (count - c) / multiplier;
            mlut_depthwise_spread(layer, in, (first + c) / multiplier,
                left < MLUT_DEPTHWISE_LANES ? left : MLUT_DEPTHWISE_LANES, planes);
        }
        job->plane = planes->pairs + lane * planes->size;
        job->weights = start.weights + c;
        job->channel = start.channel + c;
        layer->convolve(job, out + c);
    }
    *job = start;
}

void mlut_depthwise_conv2d(
    const mlut_depthwise_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    const mlut_window_t *window = &layer->window;
    const size_t channels = layer->out.channels;
    const size_t positions = (size_t)window->height * window->width;
    mlut_channel_t *expanded = (mlut_channel_t *)scratch;
    mlut_depthwise_planes_t planes;
    planes.pairs = (uint32_t *)(expanded + layer->tile);
    planes.pitch =
        mlut_depthwise_reach(layer->out.width, window->stride_x, window->width, window->dilation_x);
    planes.height =
        mlut_depthwise_reach(layer->rows, window->stride_y, window->height, window->dilation_y);
    planes.size = planes.pitch * ((planes.height + 1u) / 2u);
    int8_t *weights = (int8_t *)(planes.pairs + MLUT_DEPTHWISE_LANES * planes.size);

    for (size_t first = 0; first < channels; first += layer->tile) {
        const size_t count = channels - first < layer->tile ? channels - first : layer->tile;
        for (size_t i = 0; i < positions; i++) {
            mlut_decode(&layer->weights, i, first, count, weights + i * count);
        }
        mlut_expand_channels(&layer->output, first, count, expanded);
        mlut_depthwise_plane_t job = {layer, expanded, weights, count, NULL, planes.pitch, 0};
        for (size_t y = 0; y < layer->out.height; y += layer->rows) {
            const size_t left = layer->out.height - y;
            job.rows = left < layer->rows ? left : layer->rows;
            planes.top = y * window->stride_y - window->pad_top;
            int8_t *to = out + y * layer->out.width * channels + first;
            mlut_depthwise_convolve_band(&job, &planes, in, first, count, to);
        }
    }
}

#endif
