/* Depthwise convolution with few outputs, such as those of one frame of a stream.
 *
 * What is computed is that of depthwise_conv2d.c. Nothing is spread: four neighbouring channels of
 * the input meet their weights at one position of the window after the other. */
#include "depthwise_few.h"
#include "../isa/isa.h"
#include "../small.h"

#include <string.h>

#if !MLUT_ISA_MVE

/* Add the products of four channels at `count` positions. */
static MLUT_INLINE void mlut_few_add(const int8_t *x,
    size_t x_step,
    const int8_t *weights,
    size_t weight_step,
    size_t count,
    int32_t totals[MLUT_FEW_CHANNELS])
{
    int32_t a = totals[0];
    int32_t b = totals[1];
    int32_t c = totals[2];
    int32_t d = totals[3];
    for (; count > 0; count--, x += x_step, weights += weight_step) {
#if MLUT_ISA_ADDS_PAIRS
        uint32_t inputs;
        uint32_t four;
        memcpy(&inputs, x, sizeof(inputs));
        memcpy(&four, weights, sizeof(four));
        const int32_t x_even = (int32_t)mlut_isa_even(inputs);
        const int32_t x_odd = (int32_t)mlut_isa_odd(inputs);
        const int32_t even = (int32_t)mlut_isa_even(four);
        const int32_t odd = (int32_t)mlut_isa_odd(four);
        a += (int16_t)x_even * (int16_t)even;
        b += (int16_t)x_odd * (int16_t)odd;
        c += (x_even >> 16) * (even >> 16);
        d += (x_odd >> 16) * (odd >> 16);
#else
        a += x[0] * weights[0];
        b += x[1] * weights[1];
        c += x[2] * weights[2];
        d += x[3] * weights[3];
#endif
    }
    totals[0] = a;
    totals[1] = b;
    totals[2] = c;
    totals[3] = d;
}

/* Four outputs from channel `c` of a tile on. */
static __attribute__((noinline)) void mlut_few_four(const mlut_few_tile_t *tile,
    const mlut_few_window_t *window,
    size_t c,
    const int8_t *from,
    int8_t *out)
{
    const mlut_few_axis_t *const inner = &window->inner;
    const mlut_channel_t *const channels = tile->channels + c;
    const size_t step = inner->weight * tile->count;
    int32_t totals[MLUT_FEW_CHANNELS] = {
        channels[0].bias, channels[1].bias, channels[2].bias, channels[3].bias};
    for (size_t i = 0; i < window->outer.size; i++) {
        const bool inside = i >= window->outer.from && i < window->outer.to;
        const size_t first = inside ? inner->from : inner->size;
        const size_t end = inside ? inner->to : inner->size;
        const int8_t *w = tile->weights + c + i * window->outer.weight * tile->count;
        if (first > 0) {
            mlut_few_add(tile->padding, 0, w, step, first, totals);
        }
        if (first < end) {
            const size_t at = i * window->outer.step + first * inner->step;
            mlut_few_add(from + (window->first + (ptrdiff_t)at), inner->step, w + first * step,
                step, end - first, totals);
        }
        if (end < inner->size) {
            mlut_few_add(tile->padding, 0, w + end * step, step, inner->size - end, totals);
        }
    }
    for (size_t i = 0; i < MLUT_FEW_CHANNELS; i++) {
        out[i] = mlut_rounded_output(&tile->layer->output, channels + i, totals[i]);
    }
}

/* The output of channel `c`, one of fewer than four at the end. */
static int8_t mlut_few_one(
    const mlut_few_tile_t *tile, const mlut_few_window_t *window, size_t c, const int8_t *from)
{
    const mlut_few_axis_t *const outer = &window->outer;
    const mlut_few_axis_t *const inner = &window->inner;
    int32_t total = tile->channels[c].bias;
    for (size_t i = 0; i < outer->size; i++) {
        const int8_t *w = tile->weights + c + i * outer->weight * tile->count;
        const bool row = i >= outer->from && i < outer->to;
        for (size_t j = 0; j < inner->size; j++, w += inner->weight * tile->count) {
            const bool inside = row && j >= inner->from && j < inner->to;
            const size_t at = i * outer->step + j * inner->step;
            total += (inside ? from[window->first + (ptrdiff_t)at] : tile->padding[0]) * *w;
        }
    }
    return mlut_rounded_output(&tile->layer->output, tile->channels + c, total);
}

static MLUT_INLINE void mlut_few_pixel(
    const mlut_few_tile_t *tile, const mlut_few_window_t *window, const int8_t *in, int8_t *out)
{
    const size_t whole = tile->count & ~(size_t)(MLUT_FEW_CHANNELS - 1u);
    for (size_t c = 0; c < whole; c += MLUT_FEW_CHANNELS) {
        mlut_few_four(tile, window, c, in + c, out + c);
    }
    for (size_t c = whole; c < tile->count; c++) {
        out[c] = mlut_few_one(tile, window, c, in + c);
    }
}

void mlut_depthwise_few(
    const mlut_depthwise_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    mlut_few_outputs(layer, in, out, scratch, mlut_few_pixel);
}

#endif
