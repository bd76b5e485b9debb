/* Depthwise convolution with kernels of one column or one row for cores with MVE; what is computed
 * is that of kernels/depthwise_lines.c. The inputs of four output channels on a line are copied to
 * a band, as bytes, with the padding around them. Four outputs of each then meet one tap after the
 * other. */
#include "../isa/isa.h"

#if MLUT_ISA_MVE

#include "../decode.h"
#include "../kernels/depthwise_lines.h"
#include "output.h"

#include <stdbool.h>
#include <string.h>

#define MLUT_MVE_LINE_CHANNELS 4u /* a vector, and bytes of a value in the band */

/* What some outputs of four channels on a line need. */
typedef struct mlut_line {
    const mlut_output_t *stage;
    const mlut_channel_t *channels;
    const int8_t *band;
    const int8_t *weights;
    size_t row;  /* bytes from one tap to the next one */
    size_t taps; /* their number */
    size_t stride;
    size_t outputs;
    size_t step; /* bytes to the next output */
    mve_pred16_t lanes;
} mlut_line_t;

static inline __attribute__((always_inline)) void mlut_mve_line(
    const mlut_line_t *line, int8_t *out, unsigned rounding)
{
    const mlut_mve_channels_t channels = mlut_mve_channels(line->channels, rounding);
    const mlut_output_t *const stage = line->stage;
    const mve_pred16_t lanes = line->lanes;
    const size_t step = line->step;
    const size_t apart = line->stride * MLUT_MVE_LINE_CHANNELS;
    const int8_t *const end = line->weights + line->taps * line->row;
    const int8_t *from = line->band;
    size_t left = line->outputs;
    for (; left >= 4u; left -= 4u, from += 4u * apart) {
        int32x4_t a = vdupq_n_s32(0);
        int32x4_t b = a;
        int32x4_t c = a;
        int32x4_t d = a;
        const int8_t *x = from;
        const int8_t *third = x + 2u * apart;
        for (const int8_t *w = line->weights; w != end; w += line->row) {
            const int32x4_t tap = vldrbq_s32(w);
            a = vaddq_s32(a, vmulq_s32(vldrbq_s32(x), tap));
            b = vaddq_s32(b, vmulq_s32(vldrbq_s32(x + apart), tap));
            c = vaddq_s32(c, vmulq_s32(vldrbq_s32(third), tap));
            d = vaddq_s32(d, vmulq_s32(vldrbq_s32(third + apart), tap));
            x += MLUT_MVE_LINE_CHANNELS;
            third += MLUT_MVE_LINE_CHANNELS;
        }
        vstrbq_p_s32(out, mlut_mve_output(stage, &channels, a, rounding), lanes);
        vstrbq_p_s32(out + step, mlut_mve_output(stage, &channels, b, rounding), lanes);
        out += 2u * step;
        vstrbq_p_s32(out, mlut_mve_output(stage, &channels, c, rounding), lanes);
        vstrbq_p_s32(out + step, mlut_mve_output(stage, &channels, d, rounding), lanes);
        out += 2u * step;
    }
    for (; left > 0; left--, from += apart, out += step) {
        int32x4_t total = vdupq_n_s32(0);
        const int8_t *x = from;
        for (const int8_t *w = line->weights; w != end; w += line->row) {
            total = vaddq_s32(total, vmulq_s32(vldrbq_s32(x), vldrbq_s32(w)));
            x += MLUT_MVE_LINE_CHANNELS;
        }
        vstrbq_p_s32(out, mlut_mve_output(stage, &channels, total, rounding), lanes);
    }
}

void mlut_convolve_line_quick(const mlut_line_t *line, int8_t *out)
{
    mlut_mve_line(line, out, MLUT_ROUND_SIGNED);
}

void mlut_convolve_line_any(const mlut_line_t *line, int8_t *out)
{
    mlut_mve_line(line, out, MLUT_ROUND_ANY);
}

/* The inputs of up to four output channels, from number `channel` on. */
typedef struct {
    const mlut_depthwise_conv2d_t *layer;
    const mlut_line_axis_t *along;
    size_t channel;
    size_t lanes;
} mlut_mve_line_lanes_t;

/* Copy the inputs of a pixel, which several output channels may have in common. */
static void mlut_mve_line_copy_shared(
    const mlut_mve_line_lanes_t *lanes, const int8_t *from, int8_t *band)
{
    const size_t multiplier = lanes->layer->depth_multiplier;
    for (size_t i = 0; i < lanes->lanes; i++) {
        band[i] = from[(lanes->channel + i) / multiplier - lanes->channel / multiplier];
    }
}

/* Copy `count` values on the line that begins at `in`, from pixel `first` on, which may be negative
 * modulo 2^n. */
static __attribute__((noinline)) void mlut_mve_line_copy(
    const mlut_mve_line_lanes_t *lanes, const int8_t *in, size_t first, size_t count, int8_t *band)
{
    const mlut_line_axis_t *const along = lanes->along;
    const size_t multiplier = lanes->layer->depth_multiplier;
    const bool plain = multiplier == 1 && lanes->lanes == MLUT_MVE_LINE_CHANNELS;
    const size_t step = along->dilation * along->in_step;
    while (count > 0) {
        size_t now = 1;
        if (first >= along->in) {
            memset(band, lanes->layer->input_zero_point, MLUT_MVE_LINE_CHANNELS);
            band += MLUT_MVE_LINE_CHANNELS;
        } else {
            const int8_t *from = in + lanes->channel / multiplier + first * along->in_step;
            const size_t inside = (along->in - 1u - first) / along->dilation + 1u;
            now = inside < count ? inside : count;
            for (size_t i = now; plain && i > 0; i--, from += step) {
                memcpy(band, from, MLUT_MVE_LINE_CHANNELS);
                band += MLUT_MVE_LINE_CHANNELS;
            }
            for (size_t i = now; !plain && i > 0; i--, from += step) {
                mlut_mve_line_copy_shared(lanes, from, band);
                band += MLUT_MVE_LINE_CHANNELS;
            }
        }
        first += now * along->dilation;
        count -= now;
    }
}

void mlut_depthwise_lines(
    const mlut_depthwise_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    const bool column = layer->window.width == 1;
    const mlut_line_axis_t down = mlut_line_down(layer);
    const mlut_line_axis_t right = mlut_line_right(layer);
    const mlut_line_axis_t *const along = column ? &down : &right;
    const mlut_line_axis_t *const across = column ? &right : &down;
    const size_t channels = layer->out.channels;
    mlut_channel_t *const expanded = (mlut_channel_t *)scratch;
    int8_t *const weights = (int8_t *)(expanded + layer->tile);

    for (size_t first = 0; first < channels; first += layer->tile) {
        const size_t count = channels - first < layer->tile ? channels - first : layer->tile;
        const size_t row = (count + 3u) & ~(size_t)3;
        int8_t *const band = weights + along->size * row;
        for (size_t i = 0; i < along->size; i++) {
            mlut_decode(&layer->weights, i, first, count, weights + i * row);
        }
        mlut_expand_channels(&layer->output, first, count, expanded);
        for (size_t c = 0; c < count; c += MLUT_MVE_LINE_CHANNELS) {
            const size_t left = count - c;
            const mlut_mve_line_lanes_t lanes = {layer, along, first + c,
                left < MLUT_MVE_LINE_CHANNELS ? left : MLUT_MVE_LINE_CHANNELS};
            mlut_line_t line = {&layer->output, expanded + c, band, weights + c, row, along->size,
                along->stride, 0, along->dilation * along->out_step, vctp32q(left)};
            const int8_t *from = in;
            int8_t *to = out + first + c;
            for (size_t i = across->out; i > 0; i--) {
                for (size_t start = 0; start < along->dilation && start < along->out; start++) {
                    const size_t apart = along->dilation;
                    for (size_t y = start; y < along->out; y += layer->rows * apart) {
                        const size_t rest = (along->out - y + apart - 1u) / apart;
                        line.outputs = rest < layer->rows ? rest : layer->rows;
                        mlut_mve_line_copy(&lanes, from, y * along->stride - along->pad,
                            (line.outputs - 1u) * along->stride + along->size, band);
                        layer->convolve_line(&line, to + y * along->out_step);
                    }
                }
                from += across->stride * across->in_step;
                to += across->out_step;
            }
        }
    }
}

#endif
