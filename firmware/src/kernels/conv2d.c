/* Convolution with codebook weights.
 *
 * out[y, x, c] = stage(bias[c] + sum over (i, j, k) of w[c, i, j, k] * in[y', x', k]) with
 * y' = y * stride - pad + i * dilation, x' likewise. A tile of output channels is unpacked once and
 * meets every pixel, four pixels at a time: their receptive fields are gathered and widened, then
 * two rows of weights times four fields are what the accumulators hold. Padding has the value of
 * the input zero point (whose products the folded bias takes away again). */
#include "microlut/conv2d.h"
#include "../isa/isa.h"
#include "../small.h"
#include "columns.h"
#include "output_stage.h"

#include <stdbool.h>
#include <string.h>

#if !MLUT_ISA_MVE

#define MLUT_CONV2D_GROUP 8u /* rows whose totals are kept */

/* A tile of channels times up to four columns, and where the outputs go. */
typedef struct mlut_block {
    const mlut_output_t *stage;
    const mlut_channel_t *channels;
    const uint32_t *weights;
    mlut_span_t columns;
    size_t rows;
    size_t count;  /* of columns that are pixels */
    size_t stride; /* bytes from one pixel's outputs to the next one's */
} mlut_conv2d_block_t;

/* Write one channel of up to four pixels. */
static MLUT_INLINE void mlut_conv2d_finish_row(const mlut_conv2d_block_t *block,
    const mlut_channel_t *channel,
    const int32_t totals[MLUT_COLUMNS],
    unsigned rounding,
    int8_t *out)
{
    for (size_t i = 0; i < block->count; i++, out += block->stride) {
        *out = rounding == MLUT_ROUND_ANY ? mlut_output(block->stage, channel, totals[i])
                                          : mlut_quick_output(channel, totals[i], rounding);
    }
}

/* Write channels of four pixels. */
static MLUT_INLINE void mlut_conv2d_finish_fours(const mlut_conv2d_block_t *block,
    const mlut_channel_t *channel,
    const int32_t *totals,
    const int32_t *end,
    unsigned rounding,
    int8_t *out)
{
    const size_t stride = block->stride;
    int8_t *third = out + 2u * stride;
    for (; totals != end; channel++, totals += MLUT_COLUMNS) {
        /* A copy, which outputs cannot alias; member by member, where GCC would call memcpy. */
        const mlut_channel_t quick = {0, channel->multiplier, channel->shift, channel->nudge};
        const int32_t a = totals[0], b = totals[1], c = totals[2], d = totals[3];
        out[stride] = mlut_quick_output(&quick, b, rounding);
        *out++ = mlut_quick_output(&quick, a, rounding);
        third[stride] = mlut_quick_output(&quick, d, rounding);
        *third++ = mlut_quick_output(&quick, c, rounding);
    }
}

static inline __attribute__((always_inline)) void mlut_conv2d_multiply(
    const mlut_conv2d_block_t *block, unsigned rounding, int8_t *out)
{
    const mlut_channel_t *channel = block->channels;
    const uint32_t *weights = block->weights;
    int32_t totals[MLUT_CONV2D_GROUP][MLUT_COLUMNS];
    for (size_t left = block->rows; left > 0;) {
        const size_t rows = left < MLUT_CONV2D_GROUP ? left : MLUT_CONV2D_GROUP;
        const int32_t *const end = totals[(rows + 1u) & ~(size_t)1];
        weights = mlut_isa_tile(weights, &block->columns, &channel->bias, totals[0], end);
        if (!MLUT_SMALL && rounding != MLUT_ROUND_ANY && block->count == MLUT_COLUMNS) {
            mlut_conv2d_finish_fours(block, channel, totals[0], totals[rows], rounding, out);
        } else {
            for (size_t r = 0; r < rows; r++) {
                mlut_conv2d_finish_row(block, channel + r, totals[r], rounding, out + r);
            }
        }
        channel += rows;
        out += rows;
        left -= rows;
    }
}

void mlut_multiply_any(const mlut_conv2d_block_t *block, int8_t *out)
{
    mlut_conv2d_multiply(block, MLUT_ROUND_ANY, out);
}

void mlut_multiply_signed(const mlut_conv2d_block_t *block, int8_t *out)
{
    mlut_conv2d_multiply(block, MLUT_ROUND_SIGNED, out);
}

void mlut_multiply_positive(const mlut_conv2d_block_t *block, int8_t *out)
{
    mlut_conv2d_multiply(block, MLUT_ROUND_POSITIVE, out);
}

/* Add the block's outputs to those of another layer, which `out` holds. */
static inline __attribute__((always_inline)) void mlut_conv2d_add_block(const mlut_conv2d_t *layer,
    const mlut_conv2d_block_t *block,
    const int8_t *results,
    int8_t *out)
{
    for (size_t i = 0; i < block->count; i++) {
        const int8_t *mine = results + i * block->stride;
        int8_t *other = out + i * layer->out.channels;
        layer->sum->span(layer->sum, layer->sum_left ? mine : other, layer->sum_left ? other : mine,
            block->rows, other);
    }
}

/* Whether all receptive fields are one pixel of the picture. */
static inline __attribute__((always_inline)) bool mlut_conv2d_is_single(const mlut_conv2d_t *layer)
{
    const mlut_window_t *window = &layer->window;
    return window->height == 1 && window->width == 1 && window->pad_top == 0 &&
           window->pad_left == 0 &&
           (layer->out.height - 1u) * window->stride_y < layer->in.height &&
           (layer->out.width - 1u) * window->stride_x < layer->in.width;
}

/* An output pixel. */
typedef struct {
    size_t y;
    size_t x;
} mlut_conv2d_place_t;

static inline void mlut_conv2d_next(const mlut_conv2d_t *layer, mlut_conv2d_place_t *place)
{
    if (++place->x == layer->out.width) {
        place->x = 0;
        place->y++;
    }
}

/* Gather the next `count` pixels, 4 at most. Columns beyond them are filled with any inputs. */
static __attribute__((noinline)) void mlut_conv2d_gather_pixels(const mlut_conv2d_t *layer,
    const int8_t *in,
    mlut_conv2d_place_t *place,
    size_t count,
    uint32_t *columns)
{
    const int8_t *pixels[MLUT_COLUMNS] = {in, in, in, in};
    const size_t right = (size_t)layer->window.stride_x * layer->in.channels;
    const size_t down = (size_t)layer->window.stride_y * layer->in.width * layer->in.channels;
    for (size_t i = 0; i < count; i++) {
        pixels[i] = in + place->y * down + place->x * right;
        mlut_conv2d_next(layer, place);
    }
    mlut_gather_pixels(pixels, layer->in.channels, columns);
}

static __attribute__((noinline)) void mlut_conv2d_gather_fields(const mlut_conv2d_t *layer,
    const int8_t *in,
    mlut_conv2d_place_t *place,
    size_t count,
    int8_t *patch,
    uint32_t *columns)
{
    const size_t values = (size_t)layer->window.height * layer->window.width * layer->in.channels;
    for (size_t i = 0; i < count;) {
        const size_t row = layer->out.width - place->x;
        const size_t now = count - i < row ? count - i : row;
        mlut_gather_columns(layer, in, place->y, place->x, now, patch, columns + i);
        place->x += now - 1u;
        mlut_conv2d_next(layer, place);
        i += now;
    }
    if (count < MLUT_COLUMNS) {
        mlut_clear_columns(count, (values + 3u) / 4u, columns);
    }
}

/* Make some output channels: whole tiles, or all that are left. */
static inline __attribute__((always_inline)) void mlut_conv2d_run(const mlut_conv2d_t *layer,
    size_t from,
    size_t until,
    const int8_t *in,
    int8_t *out,
    void *scratch)
{
    const mlut_window_t *window = &layer->window;
    const size_t channels = layer->out.channels;
    const size_t values = (size_t)window->height * window->width * layer->in.channels;
    const size_t quads = (values + 3u) / 4u;
    const size_t even_tile = (layer->tile + 1u) & ~(size_t)1;
    mlut_channel_t *expanded = (mlut_channel_t *)scratch;
    uint32_t *weights = (uint32_t *)(expanded + even_tile);
    uint32_t *columns = weights + even_tile * quads * 2u;
    const size_t block_words = MLUT_COLUMNS * quads * 2u;
    int8_t *patch = (int8_t *)(columns + (layer->blocks > 1u ? layer->blocks : 1u) * block_words);
    int8_t *results = patch + (layer->patch != 0 ? 4u * quads : 0u);
    const size_t pixels = (size_t)layer->out.height * layer->out.width;
    const bool single = mlut_conv2d_is_single(layer);
    if (layer->patch != 0) {
        memset(patch, 0, 4u * quads);
    }
    const size_t group = layer->blocks > 0 ? (size_t)layer->blocks * MLUT_COLUMNS : pixels;

    mlut_conv2d_place_t place = {0, 0};
    for (size_t start = 0; start < pixels; start += group) {
        const size_t end = pixels - start < group ? pixels : start + group;
        for (size_t first = from; first < until; first += layer->tile) {
            const size_t rows = until - first < layer->tile ? until - first : layer->tile;
            if (start == 0 || layer->tile < until - from) {
                layer->unpack(&layer->weights, first, rows, values, weights);
                mlut_expand_channels(&layer->output, first, rows, expanded);
            }
            if (layer->blocks == 0) {
                place = (mlut_conv2d_place_t){0, 0};
            }
            uint32_t *fields = columns;
            for (size_t pixel = start; pixel < end; pixel += MLUT_COLUMNS) {
                const size_t left = end - pixel;
                mlut_conv2d_block_t block = {&layer->output, expanded, weights,
                    mlut_isa_span(fields, quads), rows, left < MLUT_COLUMNS ? left : MLUT_COLUMNS,
                    layer->sum == NULL ? channels : rows};
                if (layer->blocks == 0 || first == from) {
                    if (single) {
                        mlut_conv2d_gather_pixels(layer, in, &place, block.count, fields);
                    } else {
                        mlut_conv2d_gather_fields(layer, in, &place, block.count, patch, fields);
                    }
                }
                int8_t *to = out + pixel * channels + first;
                if (layer->sum == NULL) {
                    layer->multiply(&block, to);
                } else {
                    layer->multiply(&block, results);
                    mlut_conv2d_add_block(layer, &block, results, to);
                }
                fields += layer->blocks > 0 ? block_words : 0u;
            }
        }
    }
}

void mlut_conv2d(const mlut_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    mlut_conv2d_run(layer, 0, layer->out.channels, in, out, scratch);
}

void mlut_conv2d_part(const mlut_conv2d_t *layer,
    size_t from,
    size_t until,
    const int8_t *in,
    int8_t *out,
    void *scratch)
{
    mlut_conv2d_run(layer, from, until, in, out, scratch);
}

#endif
