/* Depthwise convolution with few outputs, such as those of one frame of a stream.
 *
 * What is computed is that of depthwise_conv2d.c. Nothing is spread: four neighbouring channels of
 * the input meet their weights at one position of the window after the other. */
#include "depthwise_few.h"
#include "../decode.h"
#include "../isa/isa.h"
#include "../small.h"
#include "output_stage.h"

#include <string.h>

#if !MLUT_ISA_MVE

#define MLUT_FEW_CHANNELS 4u /* at a time */

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

/* Four outputs. `weights` are `gap` bytes apart; `padding` are four values of it. */
static __attribute__((noinline)) void mlut_few_four(const mlut_depthwise_conv2d_t *layer,
    const mlut_few_window_t *window,
    const int8_t *from,
    const int8_t *padding,
    const int8_t *weights,
    size_t gap,
    const mlut_channel_t *channels,
    int8_t *out)
{
    const mlut_few_axis_t *const inner = &window->inner;
    const size_t step = inner->weight * gap;
    int32_t totals[MLUT_FEW_CHANNELS] = {
        channels[0].bias, channels[1].bias, channels[2].bias, channels[3].bias};
    for (size_t i = 0; i < window->outer.size; i++) {
        const bool inside = i >= window->outer.from && i < window->outer.to;
        const size_t first = inside ? inner->from : inner->size;
        const size_t end = inside ? inner->to : inner->size;
        const int8_t *w = weights + i * window->outer.weight * gap;
        if (first > 0) {
            mlut_few_add(padding, 0, w, step, first, totals);
        }
        if (first < end) {
            const size_t at = i * window->outer.step + first * inner->step;
            mlut_few_add(from + (window->first + (ptrdiff_t)at), inner->step, w + first * step,
                step, end - first, totals);
        }
        if (end < inner->size) {
            mlut_few_add(padding, 0, w + end * step, step, inner->size - end, totals);
        }
    }
    for (size_t i = 0; i < MLUT_FEW_CHANNELS; i++) {
        out[i] = layer->output.rounding == MLUT_ROUND_ANY
                     ? mlut_output(&layer->output, channels + i, totals[i])
                     : mlut_quick_output(channels + i, totals[i], MLUT_ROUND_SIGNED);
    }
}

/* The outputs of fewer channels than four, one after the other. */
static void mlut_few_rest(const mlut_depthwise_conv2d_t *layer,
    const mlut_few_window_t *window,
    const int8_t *from,
    const int8_t *weights,
    size_t gap,
    const mlut_channel_t *channels,
    size_t lanes,
    int8_t *out)
{
    const mlut_few_axis_t *const outer = &window->outer;
    const mlut_few_axis_t *const inner = &window->inner;
    const int32_t padding = layer->input_zero_point;
    for (size_t lane = 0; lane < lanes; lane++) {
        int32_t total = channels[lane].bias;
        for (size_t i = 0; i < outer->size; i++) {
            const int8_t *w = weights + i * outer->weight * gap + lane;
            const bool row = i >= outer->from && i < outer->to;
            for (size_t j = 0; j < inner->size; j++, w += inner->weight * gap) {
                const bool inside = row && j >= inner->from && j < inner->to;
                const ptrdiff_t at =
                    window->first + (ptrdiff_t)(i * outer->step + j * inner->step + lane);
                total += (inside ? from[at] : padding) * *w;
            }
        }
        out[lane] = layer->output.rounding == MLUT_ROUND_ANY
                        ? mlut_output(&layer->output, channels + lane, total)
                        : mlut_quick_output(channels + lane, total, MLUT_ROUND_SIGNED);
    }
}

void mlut_depthwise_few(
    const mlut_depthwise_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    const size_t channels = layer->out.channels;
    const size_t positions = (size_t)layer->window.height * layer->window.width;
    mlut_channel_t *const expanded = (mlut_channel_t *)scratch;
    int8_t *const weights = (int8_t *)(expanded + layer->tile);
    int8_t padding[MLUT_FEW_CHANNELS];
    memset(padding, layer->input_zero_point, sizeof(padding));

    for (size_t first = 0; first < channels; first += layer->tile) {
        const size_t count = channels - first < layer->tile ? channels - first : layer->tile;
        for (size_t i = 0; i < positions; i++) {
            mlut_decode(&layer->weights, i, first, count, weights + i * count);
        }
        mlut_expand_channels(&layer->output, first, count, expanded);
        int8_t *to = out + first;
        for (size_t y = 0; y < layer->out.height; y++) {
            for (size_t x = 0; x < layer->out.width; x++, to += channels) {
                const mlut_few_window_t window = mlut_few_window(layer, y, x);
                const size_t whole = count & ~(size_t)(MLUT_FEW_CHANNELS - 1u);
                for (size_t c = 0; c < whole; c += MLUT_FEW_CHANNELS) {
                    mlut_few_four(layer, &window, in + first + c, padding, weights + c, count,
                        expanded + c, to + c);
                }
                mlut_few_rest(layer, &window, in + first + whole, weights + whole, count,
                    expanded + whole, count - whole, to + whole);
            }
        }
    }
}

#endif
