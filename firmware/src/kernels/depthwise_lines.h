/* The lines of a picture that kernels of one column or one row run along. */
#ifndef MLUT_DEPTHWISE_LINES_H
#define MLUT_DEPTHWISE_LINES_H

#include "microlut/depthwise_conv2d.h"

#include <stddef.h>

/* A direction over the picture. */
typedef struct {
    size_t in; /* pixels */
    size_t out;
    size_t in_step; /* bytes from one pixel to the next one */
    size_t out_step;
    size_t size; /* of the window */
    size_t stride;
    size_t pad;
    size_t dilation;
} mlut_line_axis_t;

static inline mlut_line_axis_t mlut_line_down(const mlut_depthwise_conv2d_t *layer)
{
    const mlut_window_t *window = &layer->window;
    return (mlut_line_axis_t){layer->in.height, layer->out.height,
        (size_t)layer->in.width * layer->in.channels,
        (size_t)layer->out.width * layer->out.channels, window->height, window->stride_y,
        window->pad_top, window->dilation_y};
}

static inline mlut_line_axis_t mlut_line_right(const mlut_depthwise_conv2d_t *layer)
{
    const mlut_window_t *window = &layer->window;
    return (mlut_line_axis_t){layer->in.width, layer->out.width, layer->in.channels,
        layer->out.channels, window->width, window->stride_x, window->pad_left, window->dilation_x};
}

#endif /* MLUT_DEPTHWISE_LINES_H */
