/* Depthwise convolution with few outputs for cores with MVE; what is computed is that of
 * kernels/depthwise_few.c. Four channels are a vector. */
#include "../isa/isa.h"

#if MLUT_ISA_MVE

#include "../decode.h"
#include "../kernels/depthwise_few.h"
#include "output.h"

#include <stdbool.h>
#include <string.h>

#define MLUT_MVE_FEW_CHANNELS 4u /* a vector */

/* Add the products of all channels of a vector, or those of `lanes`, at `count` positions. */
static inline __attribute__((always_inline)) int32x4_t mlut_mve_few_add(const int8_t *x,
    size_t x_step,
    const int8_t *weights,
    size_t weight_step,
    size_t count,
    mve_pred16_t lanes,
    int32x4_t totals)
{
    const bool all = __builtin_constant_p(lanes) && lanes == MLUT_MVE_ALL;
    for (; count > 0; count--, x += x_step, weights += weight_step) {
        const int32x4_t values = all ? vldrbq_s32(x) : vldrbq_z_s32(x, lanes);
        const int32x4_t factors = all ? vldrbq_s32(weights) : vldrbq_z_s32(weights, lanes);
        totals = vaddq_s32(totals, vmulq_s32(values, factors));
    }
    return totals;
}

/* Up to four outputs, without bias. `weights` are `gap` bytes apart. */
static inline __attribute__((always_inline)) int32x4_t mlut_mve_few_sum(
    const mlut_few_window_t *window,
    const int8_t *from,
    const int8_t *padding,
    const int8_t *weights,
    size_t gap,
    mve_pred16_t lanes)
{
    const mlut_few_axis_t *const inner = &window->inner;
    const size_t step = inner->weight * gap;
    int32x4_t totals = vdupq_n_s32(0);
    for (size_t i = 0; i < window->outer.size; i++) {
        const bool inside = i >= window->outer.from && i < window->outer.to;
        const size_t first = inside ? inner->from : inner->size;
        const size_t end = inside ? inner->to : inner->size;
        const int8_t *w = weights + i * window->outer.weight * gap;
        totals = mlut_mve_few_add(padding, 0, w, step, first, lanes, totals);
        if (first < end) {
            const size_t at = i * window->outer.step + first * inner->step;
            totals = mlut_mve_few_add(from + (window->first + (ptrdiff_t)at), inner->step,
                w + first * step, step, end - first, lanes, totals);
        }
        totals =
            mlut_mve_few_add(padding, 0, w + end * step, step, inner->size - end, lanes, totals);
    }
    return totals;
}

static __attribute__((noinline)) int32x4_t mlut_mve_few_four(const mlut_few_window_t *window,
    const int8_t *from,
    const int8_t *padding,
    const int8_t *weights,
    size_t gap)
{
    return mlut_mve_few_sum(window, from, padding, weights, gap, MLUT_MVE_ALL);
}

static __attribute__((noinline)) int32x4_t mlut_mve_few_rest(const mlut_few_window_t *window,
    const int8_t *from,
    const int8_t *padding,
    const int8_t *weights,
    size_t gap,
    mve_pred16_t lanes)
{
    return mlut_mve_few_sum(window, from, padding, weights, gap, lanes);
}

void mlut_depthwise_few(
    const mlut_depthwise_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    const size_t channels = layer->out.channels;
    const size_t positions = (size_t)layer->window.height * layer->window.width;
    mlut_channel_t *const expanded = (mlut_channel_t *)scratch;
    int8_t *const weights = (int8_t *)(expanded + layer->tile);
    int8_t padding[MLUT_MVE_FEW_CHANNELS];
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
                for (size_t c = 0; c < count; c += MLUT_MVE_FEW_CHANNELS) {
                    const mve_pred16_t lanes = vctp32q(count - c);
                    const mlut_mve_channels_t four =
                        mlut_mve_channels(expanded + c, MLUT_ROUND_ANY);
                    const int8_t *const from = in + first + c;
                    const int32x4_t totals =
                        count - c >= MLUT_MVE_FEW_CHANNELS
                            ? mlut_mve_few_four(&window, from, padding, weights + c, count)
                            : mlut_mve_few_rest(&window, from, padding, weights + c, count, lanes);
                    vstrbq_p_s32(to + c,
                        mlut_mve_output(&layer->output, &four, totals, MLUT_ROUND_ANY), lanes);
                }
            }
        }
    }
}

#endif
