/* Depthwise convolution with few outputs: where the inputs of one of them lie, and the loop over
 * all, which cores with and without vectors share. */
#ifndef MLUT_DEPTHWISE_FEW_H
#define MLUT_DEPTHWISE_FEW_H

#include "../decode.h"
#include "../small.h"
#include "microlut/depthwise_conv2d.h"
#include "output_stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MLUT_FEW_CHANNELS 4u /* at a time */

/* A direction of the window. Its positions before `from` and from `to` on are in the padding. */
typedef struct {
    size_t size;
    size_t from;
    size_t to;
    size_t step;   /* bytes of the input from one position to the next one */
    size_t weight; /* positions of the window likewise */
} mlut_few_axis_t;

/* What one output reads: positions along `inner`, for each position along `outer`. */
typedef struct {
    mlut_few_axis_t outer;
    mlut_few_axis_t inner;
    ptrdiff_t first; /* bytes from the input to the window's first position, which may be outside */
} mlut_few_window_t;

/* The direction of a window whose first position is number `start` of `in`. */
static inline mlut_few_axis_t mlut_few_axis(
    int32_t start, size_t in, size_t size, size_t dilation, size_t step)
{
    const int32_t apart = (int32_t)dilation;
    const int32_t before = start < 0 ? (apart - 1 - start) / apart : 0;
    const int32_t inside = (int32_t)in > start ? ((int32_t)in - start + apart - 1) / apart : 0;
    const int32_t end = (int32_t)size < inside ? (int32_t)size : inside;
    const int32_t from = before < end ? before : end;
    return (mlut_few_axis_t){size, (size_t)from, (size_t)end, dilation * step, 1};
}

/* The window of output (y, x). A window of one column is walked through from top to bottom. */
static inline mlut_few_window_t mlut_few_window(
    const mlut_depthwise_conv2d_t *layer, size_t y, size_t x)
{
    const mlut_window_t *const window = &layer->window;
    const size_t pixel = layer->in.channels;
    const size_t row = (size_t)layer->in.width * pixel;
    const int32_t top = (int32_t)(y * window->stride_y) - (int32_t)window->pad_top;
    const int32_t left = (int32_t)(x * window->stride_x) - (int32_t)window->pad_left;
    mlut_few_axis_t down =
        mlut_few_axis(top, layer->in.height, window->height, window->dilation_y, row);
    const mlut_few_axis_t right =
        mlut_few_axis(left, layer->in.width, window->width, window->dilation_x, pixel);
    const ptrdiff_t first = (ptrdiff_t)top * (ptrdiff_t)row + (ptrdiff_t)left * (ptrdiff_t)pixel;
    down.weight = window->width;
    return window->width == 1 ? (mlut_few_window_t){right, down, first}
                              : (mlut_few_window_t){down, right, first};
}

/* A tile of channels. */
typedef struct {
    const mlut_depthwise_conv2d_t *layer;
    const mlut_channel_t *channels;
    const int8_t *weights; /* of the first channel; a position's are `count` bytes apart */
    size_t count;
    int8_t padding[MLUT_FEW_CHANNELS];
} mlut_few_tile_t;

/* Outputs of all channels of a tile, whose first one's input and output are given. */
typedef void mlut_few_pixel_t(
    const mlut_few_tile_t *tile, const mlut_few_window_t *window, const int8_t *in, int8_t *out);

static MLUT_INLINE void mlut_few_outputs(const mlut_depthwise_conv2d_t *layer,
    const int8_t *in,
    int8_t *out,
    void *scratch,
    mlut_few_pixel_t *pixel)
{
    const size_t channels = layer->out.channels;
    const size_t positions = (size_t)layer->window.height * layer->window.width;
    mlut_channel_t *const expanded = (mlut_channel_t *)scratch;
    int8_t *const weights = (int8_t *)(expanded + layer->tile);
    mlut_few_tile_t tile = {layer, expanded, weights, 0, {0}};
    memset(tile.padding, layer->input_zero_point, sizeof(tile.padding));

    for (size_t first = 0; first < channels; first += layer->tile) {
        tile.count = channels - first < layer->tile ? channels - first : layer->tile;
        for (size_t i = 0; i < positions; i++) {
            mlut_decode(&layer->weights, i, first, tile.count, weights + i * tile.count);
        }
        mlut_expand_channels(&layer->output, first, tile.count, expanded);
        int8_t *to = out + first;
        for (size_t y = 0; y < layer->out.height; y++) {
            for (size_t x = 0; x < layer->out.width; x++, to += channels) {
                const mlut_few_window_t window = mlut_few_window(layer, y, x);
                pixel(&tile, &window, in + first, to);
            }
        }
    }
}

#endif /* MLUT_DEPTHWISE_FEW_H */
