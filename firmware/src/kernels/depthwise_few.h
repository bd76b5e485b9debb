/* Where the inputs of one output of a depthwise convolution lie, for kernels without a band. */
#ifndef MLUT_DEPTHWISE_FEW_H
#define MLUT_DEPTHWISE_FEW_H

#include "microlut/depthwise_conv2d.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

#endif /* MLUT_DEPTHWISE_FEW_H */
