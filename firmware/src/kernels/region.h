/* What pools of all cores share: the part of a window inside the picture, and the rounded mean. */
#ifndef MLUT_REGION_H
#define MLUT_REGION_H

#include "../fixed_point.h"
#include "microlut/pool2d.h"

/* In input pixels; ends are exclusive. */
typedef struct {
    size_t top;
    size_t bottom;
    size_t left;
    size_t right;
} mlut_region_t;

static inline void mlut_clip(
    size_t start, size_t pad, size_t length, size_t limit, size_t *from, size_t *to)
{
    const size_t end = start + length > pad ? start + length - pad : 0;
    *from = start > pad ? start - pad : 0;
    *to = end < limit ? end : limit;
}

static inline mlut_region_t mlut_region(const mlut_pool2d_t *layer, size_t y, size_t x)
{
    const mlut_window_t *window = &layer->window;
    mlut_region_t inside;
    mlut_clip(y * window->stride_y, window->pad_top, window->height, layer->in.height, &inside.top,
        &inside.bottom);
    mlut_clip(x * window->stride_x, window->pad_left, window->width, layer->in.width, &inside.left,
        &inside.right);
    return inside;
}

/* Inputs of one output pixel. */
typedef struct {
    const int8_t *first;
    size_t rows;
    size_t columns;
    size_t channels;
    size_t row_bytes; /* of the picture */
} mlut_pool2d_inputs_t;

static inline mlut_pool2d_inputs_t mlut_pool2d_inputs_of(
    const mlut_pool2d_t *layer, const int8_t *in, size_t y, size_t x)
{
    const mlut_region_t inside = mlut_region(layer, y, x);
    const size_t channels = layer->in.channels;
    const size_t row_bytes = layer->in.width * channels;
    const mlut_pool2d_inputs_t inputs = {in + inside.top * row_bytes + inside.left * channels,
        inside.bottom > inside.top ? inside.bottom - inside.top : 0,
        inside.right > inside.left ? inside.right - inside.left : 0, channels, row_bytes};
    return inputs;
}

/* How many pixels that is; 1 if there are none, by which a sum can be divided. */
static inline int32_t mlut_region_pixels(size_t rows, size_t columns)
{
    const int32_t pixels = (int32_t)(rows * columns);
    return pixels + (pixels == 0);
}

/* total / count rounded to nearest, halves away from zero, and limited. */
static inline int8_t mlut_limited_mean(const mlut_pool2d_t *layer, int32_t total, int32_t count)
{
    const int32_t half = total > 0 ? count / 2 : -(count / 2);
    return mlut_clamp_int8((total + half) / count, layer->minimum, layer->maximum);
}

#endif /* MLUT_REGION_H */
