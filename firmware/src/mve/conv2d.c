/* Convolution with codebook weights for cores with MVE; what is computed is that of
 * kernels/conv2d.c.
 *
 * Weights and inputs stay int8, half of what other cores make of them, so that more channels than
 * layer->tile have room in the same scratch. Two rows of weights meet four receptive fields, 16
 * values at a time. Both are filled to a multiple of 16: the fields with zeros. */
#include "mve/block.h"

#include <stdbool.h>

#if MLUT_ISA_MVE

/* How a layer lies in scratch. */
typedef struct {
    mlut_channel_t *channels;
    int8_t *weights;
    int8_t *fields;
    int8_t *results;
    size_t width;
    size_t rows;
} layout_t;

/* Add the block's outputs to those of another layer, which `out` holds. */
static void add_block(
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

/* One kernel row of a field, from `left` on; what is beside the picture is padding. */
static int8_t *gather_row(const mlut_conv2d_t *layer, const int8_t *row, size_t left, int8_t *to)
{
    const mlut_window_t *window = &layer->window;
    const size_t channels = layer->in.channels;
    for (size_t j = 0; j < window->width; j++, left += window->dilation_x, to += channels) {
        if (left < layer->in.width) {
            mlut_mve_copy(to, row + left * channels, channels);
        } else {
            mlut_mve_fill(to, layer->input_zero_point, channels);
        }
    }
    return to;
}

/* The receptive field of output pixel (y, x). */
static void gather(const mlut_conv2d_t *layer, const int8_t *in, size_t y, size_t x, int8_t *to)
{
    const mlut_window_t *window = &layer->window;
    const size_t row_bytes = (size_t)layer->in.width * layer->in.channels;
    const size_t count = (size_t)window->width * layer->in.channels;
    /* Positions before the picture wrap to huge unsigned values, which the tests below reject. */
    const size_t top = y * window->stride_y - window->pad_top;
    const size_t left = x * window->stride_x - window->pad_left;
    const size_t right = left + (size_t)window->width - 1u;
    const bool inside =
        window->dilation_x == 1 && left < layer->in.width && right < layer->in.width;
    for (size_t i = 0; i < window->height; i++) {
        const size_t row = top + i * window->dilation_y;
        if (row >= layer->in.height) {
            mlut_mve_fill(to, layer->input_zero_point, count);
            to += count;
        } else if (inside) {
            mlut_mve_copy(to, in + row * row_bytes + left * layer->in.channels, count);
            to += count;
        } else {
            to = gather_row(layer, in + row * row_bytes, left, to);
        }
    }
}

/* As many channels as the scratch of layer->tile holds, whose weights and fields the plan counts
 * with two bytes a value. */
static layout_t lay_out(const mlut_conv2d_t *layer, size_t values, void *scratch)
{
    const size_t quads = values > 8u ? (values + 3u) / 4u : 2u;
    const size_t tile = (layer->tile + 1u) & ~(size_t)1;
    const size_t result = layer->sum == NULL ? 0u : MLUT_COLUMNS;
    const size_t room = tile * (sizeof(mlut_channel_t) + 8u * quads) + 32u * quads +
                        (layer->patch ? 4u * quads : 0u) + layer->tile * result;
    layout_t layout;
    layout.width = (values + MLUT_MVE_LANES - 1u) & ~(size_t)(MLUT_MVE_LANES - 1u);
    layout.rows = room - MLUT_COLUMNS * layout.width;
    layout.rows /= sizeof(mlut_channel_t) + layout.width + result;
    layout.rows &= ~(size_t)1;
    layout.rows = layout.rows < layer->tile ? layer->tile : layout.rows;
    const size_t even = (layout.rows + 1u) & ~(size_t)1;
    layout.channels = scratch;
    layout.weights = (int8_t *)(layout.channels + even);
    layout.fields = layout.weights + even * layout.width;
    layout.results = layout.fields + MLUT_COLUMNS * layout.width;
    for (size_t i = 0; i < MLUT_COLUMNS; i++) { /* no field will overwrite these */
        mlut_mve_fill(layout.fields + i * layout.width + values, 0, layout.width - values);
    }
    return layout;
}

void mlut_conv2d(const mlut_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    const size_t channels = layer->out.channels;
    const size_t values = (size_t)layer->window.height * layer->window.width * layer->in.channels;
    const size_t pixels = (size_t)layer->out.height * layer->out.width;
    const layout_t layout = lay_out(layer, values, scratch);

    for (size_t first = 0; first < channels; first += layout.rows) {
        const size_t rows = channels - first < layout.rows ? channels - first : layout.rows;
        layer->unpack(&layer->weights, first, rows, values, (uint32_t *)(void *)layout.weights);
        mlut_expand_channels(&layer->output, first, rows, layout.channels);
        size_t y = 0;
        size_t x = 0;
        for (size_t pixel = 0; pixel < pixels; pixel += MLUT_COLUMNS) {
            mlut_block_t block = {&layer->output, layout.channels, layout.weights, layout.fields,
                layout.width, rows, 0, layer->sum == NULL ? channels : rows};
            for (; block.count < MLUT_COLUMNS && pixel + block.count < pixels; block.count++) {
                gather(layer, in, y, x, layout.fields + block.count * layout.width);
                if (++x == layer->out.width) {
                    x = 0;
                    y++;
                }
            }
            int8_t *to = out + pixel * channels + first;
            if (layer->sum == NULL) {
                layer->multiply(&block, to);
            } else {
                layer->multiply(&block, layout.results);
                add_block(layer, &block, layout.results, to);
            }
        }
    }
}

#endif
