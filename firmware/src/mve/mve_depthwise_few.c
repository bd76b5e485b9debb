/* Depthwise convolution with few outputs for cores with MVE; what is computed is that of
 * kernels/depthwise_few.c. Four channels are a vector. */
#include "../isa/isa.h"

#if MLUT_ISA_MVE

#include "../kernels/depthwise_few.h"
#include "output.h"

#include <stdbool.h>

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

/* Up to four outputs from channel `c` of a tile on, without bias. */
static inline __attribute__((always_inline)) int32x4_t mlut_mve_few_sum(const mlut_few_tile_t *tile,
    const mlut_few_window_t *window,
    size_t c,
    const int8_t *from,
    mve_pred16_t lanes)
{
    const mlut_few_axis_t *const inner = &window->inner;
    const size_t step = inner->weight * tile->count;
    int32x4_t totals = vdupq_n_s32(0);
    for (size_t i = 0; i < window->outer.size; i++) {
        const bool inside = i >= window->outer.from && i < window->outer.to;
        const size_t first = inside ? inner->from : inner->size;
        const size_t end = inside ? inner->to : inner->size;
        const int8_t *w = tile->weights + c + i * window->outer.weight * tile->count;
        totals = mlut_mve_few_add(tile->padding, 0, w, step, first, lanes, totals);
        if (first < end) {
            const size_t at = i * window->outer.step + first * inner->step;
            totals = mlut_mve_few_add(from + (window->first + (ptrdiff_t)at), inner->step,
                w + first * step, step, end - first, lanes, totals);
        }
        totals = mlut_mve_few_add(
            tile->padding, 0, w + end * step, step, inner->size - end, lanes, totals);
    }
    return totals;
}

static __attribute__((noinline)) int32x4_t mlut_mve_few_four(
    const mlut_few_tile_t *tile, const mlut_few_window_t *window, size_t c, const int8_t *from)
{
    return mlut_mve_few_sum(tile, window, c, from, MLUT_MVE_ALL);
}

static __attribute__((noinline)) int32x4_t mlut_mve_few_rest(const mlut_few_tile_t *tile,
    const mlut_few_window_t *window,
    size_t c,
    const int8_t *from,
    mve_pred16_t lanes)
{
    return mlut_mve_few_sum(tile, window, c, from, lanes);
}

static MLUT_INLINE void mlut_mve_few_pixel(
    const mlut_few_tile_t *tile, const mlut_few_window_t *window, const int8_t *in, int8_t *out)
{
    const mlut_output_t *const stage = &tile->layer->output;
    for (size_t c = 0; c < tile->count; c += MLUT_FEW_CHANNELS) {
        const mve_pred16_t lanes = vctp32q(tile->count - c);
        const mlut_mve_channels_t four = mlut_mve_channels(tile->channels + c, MLUT_ROUND_ANY);
        const int32x4_t totals = tile->count - c >= MLUT_FEW_CHANNELS
                                     ? mlut_mve_few_four(tile, window, c, in + c)
                                     : mlut_mve_few_rest(tile, window, c, in + c, lanes);
        vstrbq_p_s32(out + c, mlut_mve_output(stage, &four, totals, MLUT_ROUND_ANY), lanes);
    }
}

void mlut_depthwise_few(
    const mlut_depthwise_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    mlut_few_outputs(layer, in, out, scratch, mlut_mve_few_pixel);
}

#endif
