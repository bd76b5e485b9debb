/* Depthwise convolution with kernels of one column or one row, such as those over time.
 *
 * What is computed is that of depthwise_conv2d.c, line by line: an output depends on the inputs of
 * its own line only. Four channels of a line at a time are spread to pairs of int16, neighbours
 * along it. An even output's weights meet them as pairs (0, 1), (2, 3), ..., an odd one's as (-,
 * 0), (1, 2), ...; both are made once for all outputs. With dilation d, every d-th pixel is a line.
 */
#include "depthwise_lines.h"
#include "../decode.h"
#include "../isa/isa.h"
#include "../small.h"
#include "output_stage.h"
#include "spread.h"

#include <stdbool.h>
#include <string.h>

#if !MLUT_ISA_MVE

/* Words of a pair of weights: four channels, for even and for odd outputs. */
#define MLUT_LINE_TAPS (2u * MLUT_LANES)

/* What some outputs of one channel on a line need. */
typedef struct mlut_line {
    const mlut_output_t *stage;
    const mlut_channel_t *channel;
    const uint32_t *pairs; /* of inputs, one every MLUT_LANES */
    const uint32_t *taps;  /* one every MLUT_LANES, for even and odd outputs in turn */
    size_t taps_count;     /* of both */
    size_t stride;
    size_t outputs;
    size_t step; /* bytes to the next output */
} mlut_line_t;

/* Four neighbouring outputs. Only those that exist are written. */
void mlut_convolve_line_quick(const mlut_line_t *line, int8_t *out)
{
    const mlut_channel_t quick = *line->channel; /* which outputs cannot alias */
    const uint32_t *pairs = line->pairs;
    const uint32_t *const taps = line->taps;
    const size_t count = line->taps_count;
    const size_t step = line->step;
    for (size_t left = line->outputs;;) {
        int32_t totals[4] = {quick.bias, quick.bias, quick.bias, quick.bias};
        mlut_isa_slide(pairs, taps, count, totals);
        out[0] = mlut_quick_output(&quick, totals[0], MLUT_ROUND_SIGNED);
        if (left == 1) {
            return;
        }
        out[step] = mlut_quick_output(&quick, totals[1], MLUT_ROUND_SIGNED);
        out += 2u * step;
        if (left == 2) {
            return;
        }
        out[0] = mlut_quick_output(&quick, totals[2], MLUT_ROUND_SIGNED);
        if (left == 3) {
            return;
        }
        out[step] = mlut_quick_output(&quick, totals[3], MLUT_ROUND_SIGNED);
        out += 2u * step;
        left -= 4;
        if (left == 0) {
            return;
        }
        pairs += 2u * MLUT_LANES;
    }
}

/* The same of any stride: with an even one, all outputs are even. */
static MLUT_INLINE void mlut_line_four(
    const mlut_line_t *line, const uint32_t *pairs, size_t outputs, int32_t totals[4])
{
    const size_t stride = line->stride;
    const uint32_t *const b = pairs + (outputs > 1 ? stride / 2u * MLUT_LANES : 0u);
    const uint32_t *const c = pairs + (outputs > 2 ? stride * MLUT_LANES : 0u);
    const uint32_t *const d = pairs + (outputs > 3 ? 3u * stride / 2u * MLUT_LANES : 0u);
    const uint32_t *even = line->taps;
    const uint32_t *odd = even + stride % 2u * MLUT_LANES;
    const size_t end = line->taps_count * MLUT_LANES;
    for (size_t i = 0; i != end; i += MLUT_LANES) {
        totals[0] = mlut_isa_dot2(pairs[i], *even, totals[0]);
        totals[1] = mlut_isa_dot2(b[i], *odd, totals[1]);
        totals[2] = mlut_isa_dot2(c[i], *even, totals[2]);
        totals[3] = mlut_isa_dot2(d[i], *odd, totals[3]);
        even += MLUT_LINE_TAPS;
        odd += MLUT_LINE_TAPS;
    }
}

void mlut_convolve_line_any(const mlut_line_t *line, int8_t *out)
{
    const mlut_channel_t *const channel = line->channel;
    const uint32_t *pairs = line->pairs;
    for (size_t left = line->outputs; left > 0; pairs += 2u * line->stride * MLUT_LANES) {
        const size_t outputs = left < 4u ? left : 4u;
        int32_t totals[4] = {channel->bias, channel->bias, channel->bias, channel->bias};
        mlut_line_four(line, pairs, outputs, totals);
        for (size_t i = 0; i < outputs; i++, out += line->step) {
            *out = mlut_rounded_output(line->stage, channel, totals[i]);
        }
        left -= outputs;
    }
}

/* Spread pairs of neighbours on a line from pixel `first` on, which may be negative modulo 2^n. The
 * channels begin `back` bytes after `in`. */
static __attribute__((noinline)) void mlut_line_spread(const mlut_line_axis_t *along,
    const int8_t *in,
    size_t first,
    size_t lanes,
    size_t back,
    const int8_t *padding,
    size_t count,
    uint32_t *pairs)
{
    const size_t apart = along->dilation;
    const size_t bytes = apart * along->in_step;
    const bool aligned = !mlut_isa_unaligned && ((uintptr_t)in | along->in_step) % 4u == 0;
    while (count > 0) {
        const size_t second = first + apart;
        const bool inside[2] = {first < along->in, second < along->in};
        mlut_pixels_t pixels[2];
        size_t now = 1;
        for (size_t i = 0; i < 2; i++) {
            pixels[i].from = inside[i] ? in + first * along->in_step + i * bytes : padding;
            pixels[i].step = 2u * bytes;
        }
        if (inside[0] && inside[1]) {
            const size_t whole = (along->in - 1u - second) / (2u * apart) + 1u;
            now = whole < count ? whole : count;
        }
        mlut_spread(pixels, now, lanes, back, aligned, pairs);
        pairs += now * MLUT_LANES;
        first += 2u * now * apart;
        count -= now;
    }
}

/* The weights of four channels as pairs; `row` bytes from a tap to the next one. */
static __attribute__((noinline)) void mlut_line_pair_taps(
    const int8_t *weights, size_t row, size_t size, uint32_t *taps)
{
    uint32_t before = 0;
    for (size_t i = 0; i <= size; i += 2, taps += MLUT_LINE_TAPS) {
        uint32_t first = 0;
        uint32_t second = 0;
        if (i < size) {
            memcpy(&first, __builtin_assume_aligned(weights, 4), sizeof(first));
        }
        if (i + 1u < size) {
            memcpy(&second, __builtin_assume_aligned(weights + row, 4), sizeof(second));
        }
        mlut_isa_put_entries(first, second, taps);
        mlut_isa_put_entries(before, first, taps + MLUT_LANES);
        before = second;
        weights += 2u * row;
    }
}

/* What is the same for all lines of a group of up to four input channels. */
typedef struct {
    const mlut_depthwise_conv2d_t *layer;
    const mlut_line_axis_t *along;
    const mlut_channel_t *channels;
    uint32_t *pairs;
    const uint32_t *taps;
    size_t lanes;
    size_t back;
} mlut_line_group_t;

/* The outputs of one line from number `y` on, `apart` pixels from one to the next. */
static __attribute__((noinline)) void mlut_line_convolve(
    const mlut_line_group_t *group, const int8_t *in, size_t y, size_t outputs, int8_t *out)
{
    const mlut_line_axis_t *const along = group->along;
    const mlut_depthwise_conv2d_t *const layer = group->layer;
    const size_t taps_count = along->size / 2u + 1u;
    const size_t reach = (outputs - 1u) * along->stride + along->size;
    int8_t padding[2 * MLUT_LANES] __attribute__((aligned(4)));
    memset(padding, layer->input_zero_point, sizeof(padding));
    mlut_line_spread(along, in - group->back, y * along->stride - along->pad, group->lanes,
        group->back, padding, (reach + 1u) / 2u, group->pairs);
    mlut_line_t line = {&layer->output, group->channels, group->pairs, group->taps, taps_count,
        along->stride, outputs, along->dilation * along->out_step};
    out += y * along->out_step;
    for (size_t c = 0, lane = 0; lane < group->lanes; lane++, line.pairs++) {
        for (size_t i = layer->depth_multiplier; i > 0; i--, c++, line.channel++, out++) {
            line.taps = group->taps + c / 4u * taps_count * MLUT_LINE_TAPS + c % 4u;
            layer->convolve_line(&line, out);
        }
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
    const size_t multiplier = layer->depth_multiplier;
    const size_t taps_words = (along->size / 2u + 1u) * MLUT_LINE_TAPS;
    const size_t reach = (layer->rows - 1u) * along->stride + along->size;
    uint32_t *const pairs = (uint32_t *)scratch;
    /* Behind the pairs, for mlut_isa_slide reads up to two of those that are not there. */
    uint32_t *const taps = pairs + (reach + 1u) / 2u * MLUT_LANES;
    mlut_channel_t *const expanded = (mlut_channel_t *)(taps + taps_words * multiplier);
    int8_t *const weights = (int8_t *)(expanded + layer->tile);

    for (size_t first = 0; first < channels; first += layer->tile) {
        const size_t count = channels - first < layer->tile ? channels - first : layer->tile;
        const size_t row = (count + 3u) & ~(size_t)3;
        for (size_t i = 0; i < along->size; i++) {
            mlut_decode(&layer->weights, i, first, count, weights + i * row);
        }
        mlut_expand_channels(&layer->output, first, count, expanded);
        for (size_t c = 0; c < count; c += MLUT_LANES * multiplier) {
            const size_t left = (count - c) / multiplier;
            const size_t lanes = left < MLUT_LANES ? left : MLUT_LANES;
            const size_t back = layer->in.channels < MLUT_LANES ? 0u : MLUT_LANES - lanes;
            const mlut_line_group_t group = {layer, along, expanded + c, pairs, taps, lanes, back};
            for (size_t i = 0; i < lanes * multiplier; i += 4) {
                mlut_line_pair_taps(weights + c + i, row, along->size, taps + i / 4u * taps_words);
            }
            const int8_t *from = in + (first + c) / multiplier;
            int8_t *to = out + first + c;
            for (size_t i = across->out; i > 0; i--) {
                for (size_t start = 0; start < along->dilation && start < along->out; start++) {
                    const size_t apart = along->dilation;
                    for (size_t y = start; y < along->out; y += layer->rows * apart) {
                        const size_t rest = (along->out - y + apart - 1u) / apart;
                        mlut_line_convolve(
                            &group, from, y, rest < layer->rows ? rest : layer->rows, to);
                    }
                }
                from += across->stride * across->in_step;
                to += across->out_step;
            }
        }
    }
}

#endif
