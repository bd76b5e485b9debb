/* Convolution with codebook weights for cores with MVE; what is computed is that of
 * kernels/conv2d.c.
 *
 * Weights and inputs stay int8, half of what other cores make of them, so that more channels than
 * layer->tile have room in the same scratch. Two rows of weights meet four receptive fields, 16
 * values at a time. Both are filled to a multiple of 16: the fields with zeros. */
#include "../isa/isa.h"

#if MLUT_ISA_MVE

#include "block.h"

#include <stdbool.h>

/* How a layer lies in scratch. */
typedef struct {
    mlut_channel_t *channels;
    int8_t *weights;
    int8_t *fields;
    int8_t *results;
    size_t width;
    size_t rows;
} mlut_mve_conv2d_layout_t;

/* Add the block's outputs to those of another layer, which `out` holds. */
static inline __attribute__((always_inline)) void mlut_mve_conv2d_add_block(
    const mlut_conv2d_t *layer, const mlut_block_t *block, const int8_t *results, int8_t *out)
{
    const bool whole = block->rows == layer->out.channels; /* then pixels have nothing between */
    const size_t spans = whole ? 1u : block->count;
    const size_t count = whole ? block->count * block->rows : block->rows;
    for (size_t i = 0; i < spans; i++, results += count, out += layer->out.channels) {
        layer->sum->span(layer->sum, layer->sum_left ? results : out,
            layer->sum_left ? out : results, count, out);
    }
}

/* The next output pixel, and what its receptive field is copied from. */
typedef struct {
    const mlut_conv2d_t *layer;
    const int8_t *in;
    const int8_t *row; /* field of the row's first pixel, where whole fields are copied from */
    size_t y;
    size_t x;
    size_t first;       /* pixel of a row whose field is inside the picture */
    size_t inside;      /* such pixels of this row, one after the other */
    size_t most_inside; /* the same of rows whose fields have all their rows */
    size_t count;       /* bytes per kernel row */
    size_t down;        /* bytes between kernel rows in the picture */
} mlut_mve_conv2d_cursor_t;

static size_t mlut_mve_conv2d_row_bytes(const mlut_conv2d_t *layer)
{
    return (size_t)layer->in.width * layer->in.channels;
}

/* One kernel row, from column `left` on, which is huge before the picture; what is beside it is
 * padding. */
static void mlut_mve_conv2d_gather_row(
    const mlut_conv2d_t *layer, const int8_t *row, size_t left, int8_t *to)
{
    const mlut_window_t *window = &layer->window;
    const size_t channels = layer->in.channels;
    const size_t width = layer->in.width;
    if (window->dilation_x == 1) {
        const size_t most = left < width ? 0u : 0u - left;
        const size_t before = most < window->width ? most : window->width;
        const size_t rest = window->width - before;
        const size_t fitting = rest == 0 ? 0u : width - (left + before);
        const size_t inside = fitting < rest ? fitting : rest;
        mlut_mve_fill(to, layer->input_zero_point, before * channels);
        to += before * channels;
        mlut_mve_copy(to, row + (left + before) * channels, inside * channels);
        to += inside * channels;
        mlut_mve_fill(to, layer->input_zero_point, (rest - inside) * channels);
        return;
    }
    for (size_t j = 0; j < window->width; j++, left += window->dilation_x, to += channels) {
        if (left < width) {
            mlut_mve_copy(to, row + left * channels, channels);
        } else {
            mlut_mve_fill(to, layer->input_zero_point, channels);
        }
    }
}

/* The receptive field of output pixel (y, x), some of which may be padding. */
static __attribute__((noinline)) void mlut_mve_conv2d_gather_any(
    const mlut_conv2d_t *layer, const int8_t *in, size_t y, size_t x, int8_t *to)
{
    const mlut_window_t *window = &layer->window;
    const size_t count = (size_t)window->width * layer->in.channels;
    /* Positions before the picture wrap to huge unsigned values, which the tests reject. */
    const size_t top = y * window->stride_y - window->pad_top;
    const size_t left = x * window->stride_x - window->pad_left;
    for (size_t i = 0; i < window->height; i++, to += count) {
        const size_t row = top + i * window->dilation_y;
        if (row < layer->in.height) {
            mlut_mve_conv2d_gather_row(
                layer, in + row * mlut_mve_conv2d_row_bytes(layer), left, to);
        } else {
            mlut_mve_fill(to, layer->input_zero_point, count);
        }
    }
}

/* Copy `rows` times `count` bytes, `down` bytes apart, so that they lie one after the other. */
static inline void mlut_mve_conv2d_copy_rows(
    int8_t *to, const int8_t *from, size_t rows, size_t count, size_t down)
{
    const size_t beyond = (0u - count) % MLUT_MVE_LANES; /* what `to` is moved too far by */
    const int8_t *x;
    int8x16_t bytes;
    __asm__ volatile("1:\tmov %[x], %[from]\n\t"
                     "wlstp.8 lr, %[count], 3f\n"
                     "2:\tvldrb.8 %q[bytes], [%[x]], #16\n\t"
                     "vstrb.8 %q[bytes], [%[to]], #16\n\t"
                     "letp lr, 2b\n"
                     "3:\tadd %[from], %[down]\n\t"
                     "sub %[to], %[beyond]\n\t"
                     "subs %[rows], #1\n\t"
                     "bne 1b"
        : [to] "+r"(to), [from] "+r"(from), [rows] "+r"(rows), [x] "=&r"(x), [bytes] "=&w"(bytes)
        : [count] "r"(count), [down] "r"(down), [beyond] "r"(beyond)
        : "lr", "cc", "memory");
}

static void mlut_mve_conv2d_start_row(mlut_mve_conv2d_cursor_t *next)
{
    const mlut_conv2d_t *layer = next->layer;
    const mlut_window_t *window = &layer->window;
    const size_t top = next->y * window->stride_y - window->pad_top;
    const size_t bottom = top + (window->height - 1u) * (size_t)window->dilation_y;
    const bool whole = top < layer->in.height && bottom < layer->in.height;
    next->inside = whole ? next->most_inside : 0;
    next->row = next->in + top * mlut_mve_conv2d_row_bytes(layer) -
                window->pad_left * (size_t)layer->in.channels;
    next->x = 0;
}

static mlut_mve_conv2d_cursor_t mlut_mve_conv2d_start(const mlut_conv2d_t *layer, const int8_t *in)
{
    const mlut_window_t *window = &layer->window;
    mlut_mve_conv2d_cursor_t next;
    next.layer = layer;
    next.in = in;
    next.y = 0;
    next.most_inside = 0;
    next.count = (size_t)window->width * layer->in.channels;
    next.down = window->dilation_y * mlut_mve_conv2d_row_bytes(layer);
    next.first = (window->pad_left + window->stride_x - 1u) / window->stride_x;
    const size_t last = (size_t)layer->in.width + window->pad_left - window->width;
    const bool dense = window->dilation_x == 1 && window->width <= layer->in.width;
    if (dense && last / window->stride_x >= next.first) {
        next.most_inside = last / window->stride_x + 1u - next.first;
    }
    mlut_mve_conv2d_start_row(&next);
    return next;
}

/* Write the next pixel's receptive field. */
static inline void mlut_mve_conv2d_gather(mlut_mve_conv2d_cursor_t *next, int8_t *to)
{
    const mlut_conv2d_t *layer = next->layer;
    if (next->x - next->first < next->inside) {
        const size_t step = (size_t)layer->window.stride_x * layer->in.channels;
        mlut_mve_conv2d_copy_rows(
            to, next->row + next->x * step, layer->window.height, next->count, next->down);
    } else {
        mlut_mve_conv2d_gather_any(layer, next->in, next->y, next->x, to);
    }
    if (++next->x == layer->out.width) {
        next->y++;
        mlut_mve_conv2d_start_row(next);
    }
}

/* As many channels as the scratch of layer->tile holds, whose weights and fields the plan counts
 * with two bytes per value. */
static inline __attribute__((always_inline)) mlut_mve_conv2d_layout_t mlut_mve_conv2d_lay_out(
    const mlut_conv2d_t *layer, size_t values, void *scratch)
{
    const size_t quads = values > 8u ? (values + 3u) / 4u : 2u;
    const size_t tile = (layer->tile + 1u) & ~(size_t)1;
    const size_t result = layer->sum == NULL ? 0u : MLUT_COLUMNS;
    const size_t blocks = layer->blocks > 1u ? layer->blocks : 1u;
    const size_t room = tile * (sizeof(mlut_channel_t) + 8u * quads) + blocks * 32u * quads +
                        (layer->patch ? 4u * quads : 0u) + layer->tile * result;
    mlut_mve_conv2d_layout_t layout;
    layout.width = (values + MLUT_MVE_LANES - 1u) & ~(size_t)(MLUT_MVE_LANES - 1u);
    layout.rows = room - blocks * MLUT_COLUMNS * layout.width;
    layout.rows /= sizeof(mlut_channel_t) + layout.width + result;
    layout.rows &= ~(size_t)1;
    layout.rows = layout.rows < layer->tile ? layer->tile : layout.rows;
    const size_t even = (layout.rows + 1u) & ~(size_t)1;
    layout.channels = (mlut_channel_t *)scratch;
    layout.weights = (int8_t *)(layout.channels + even);
    layout.fields = layout.weights + even * layout.width;
    layout.results = layout.fields + blocks * MLUT_COLUMNS * layout.width;
    for (size_t i = 0; i < blocks * MLUT_COLUMNS; i++) { /* no field will overwrite these */
        mlut_mve_fill(layout.fields + i * layout.width + values, 0, layout.width - values);
    }
    return layout;
}

/* Make some output channels: whole tiles, or all that are left. */
static inline __attribute__((always_inline)) void mlut_conv2d_run(const mlut_conv2d_t *layer,
    size_t from,
    size_t until,
    const int8_t *in,
    int8_t *out,
    void *scratch)
{
    const size_t channels = layer->out.channels;
    const size_t values = (size_t)layer->window.height * layer->window.width * layer->in.channels;
    const size_t pixels = (size_t)layer->out.height * layer->out.width;
    const mlut_mve_conv2d_layout_t layout = mlut_mve_conv2d_lay_out(layer, values, scratch);

    const size_t group = layer->blocks > 0 ? (size_t)layer->blocks * MLUT_COLUMNS : pixels;

    mlut_mve_conv2d_cursor_t next = mlut_mve_conv2d_start(layer, in);
    for (size_t start = 0; start < pixels; start += group) {
        const size_t end = pixels - start < group ? pixels : start + group;
        for (size_t first = from; first < until; first += layout.rows) {
            const size_t rows = until - first < layout.rows ? until - first : layout.rows;
            if (start == 0 || layout.rows < until - from) {
                uint32_t *weights = (uint32_t *)(void *)layout.weights;
                layer->unpack(&layer->weights, first, rows, values, weights);
                mlut_expand_channels(&layer->output, first, rows, layout.channels);
            }
            if (layer->blocks == 0 && first > from) {
                next = mlut_mve_conv2d_start(layer, in);
            }
            int8_t *fields = layout.fields;
            for (size_t pixel = start; pixel < end; pixel += MLUT_COLUMNS) {
                const size_t left = end - pixel;
                const mlut_block_t block = {&layer->output, layout.channels, layout.weights, fields,
                    layout.width, rows, left < MLUT_COLUMNS ? left : MLUT_COLUMNS,
                    layer->sum == NULL ? channels : rows};
                for (size_t i = 0; (layer->blocks == 0 || first == from) && i < block.count; i++) {
                    mlut_mve_conv2d_gather(&next, fields + i * layout.width);
                }
                int8_t *to = out + pixel * channels + first;
                if (layer->sum == NULL) {
                    layer->multiply(&block, to);
                } else {
                    layer->multiply(&block, layout.results);
                    mlut_mve_conv2d_add_block(layer, &block, layout.results, to);
                }
                fields += layer->blocks > 0 ? MLUT_COLUMNS * layout.width : 0u;
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
