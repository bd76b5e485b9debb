/* Convolution with 3x3 kernels and stride 1 by Winograd's F(2x2, 3x3), exactly: 16 products for two
 * by two outputs and an input channel instead of 36.
 *
 * With w a kernel, d the 4x4 inputs that the outputs see, and M = sum over the input channels of
 * (4 G w G') * (B' d B), element by element, A' M A is four times the outputs' sums. 4 G w G' has
 * no fractions, so nothing is rounded: one transform is (a, b, c) -> (2a, a + b + c, a - b + c,
 * 2c), the next one (a, b, c, d) -> (a - c, b + c, c - b, b - d), the last one (a, b, c, d) ->
 * (a + b + c, b - c - d). Each is done along the rows, and then along the columns.
 *
 * The elements have 16 positions. At each of them, the sum over the channels is what mlut_isa_tile
 * makes: rows are output channels, and columns are four such fields, which lie side by side. */
#include "microlut/conv2d.h"

#include "../isa/isa.h"
#include "../small.h"

#if MLUT_ISA_ADDS_PAIRS

#include "output_stage.h"

#include <string.h>

#define MLUT_WINOGRAD_GROUP 4u /* rows whose totals are kept */
#define MLUT_WINOGRAD_POSITIONS 16u
#define MLUT_WINOGRAD_TOTALS (MLUT_WINOGRAD_GROUP * MLUT_COLUMNS) /* of a position */

/* Transform words that lie `step` apart, three to four. */
static __attribute__((noinline)) void mlut_winograd_weights(
    const uint32_t *from, size_t step, uint32_t *to, size_t to_step, size_t count)
{
    const uint32_t *second = from + step;
    const uint32_t *third = second + step;
    uint32_t *to_second = to + to_step;
    uint32_t *to_third = to_second + to_step;
    uint32_t *to_fourth = to_third + to_step;
    for (const uint32_t *const end = from + count; from != end;) {
        const uint32_t a = *from++;
        const uint32_t b = *second++;
        const uint32_t c = *third++;
        const uint32_t outer = mlut_isa_add2(a, c);
        *to++ = mlut_isa_add2(a, a);
        *to_second++ = mlut_isa_add2(outer, b);
        *to_third++ = mlut_isa_sub2(outer, b);
        *to_fourth++ = mlut_isa_add2(c, c);
    }
}

/* Unpack two rows of weights, or one and zeros, and transform them. Each position's words are
 * `stride` apart. */
static inline __attribute__((always_inline)) void mlut_winograd_unpack(const mlut_conv2d_t *layer,
    size_t first,
    size_t rows,
    uint32_t *scratch,
    uint32_t *to,
    size_t stride)
{
    const size_t words = layer->in.channels; /* of two rows and a place of the kernel */
    uint32_t *const half = scratch + 9u * words;
    layer->unpack(&layer->weights, first, rows, 9u * words, scratch);
    for (size_t i = 0; i < 3; i++) {
        mlut_winograd_weights(scratch + 3u * i * words, words, half + 4u * i * words, words, words);
    }
    for (size_t j = 0; j < 4; j++) {
        mlut_winograd_weights(half + j * words, 4u * words, to + j * stride, 4u * stride, words);
    }
}

/* Widen four pixels of a row and transform them. Positions are `step` words apart. */
static __attribute__((noinline)) void mlut_winograd_across(
    const int8_t *const pixels[4], size_t channels, size_t step, uint32_t *to)
{
    const int8_t *first = pixels[0];
    const int8_t *second = pixels[1];
    const int8_t *third = pixels[2];
    const int8_t *fourth = pixels[3];
    uint32_t *to_second = to + step;
    uint32_t *to_third = to_second + step;
    uint32_t *to_fourth = to_third + step;
    for (const int8_t *const end = first + channels; first != end;) {
        uint32_t words[4];
        memcpy(words, first, 4);
        memcpy(words + 1, second, 4);
        memcpy(words + 2, third, 4);
        memcpy(words + 3, fourth, 4);
        first += 4;
        second += 4;
        third += 4;
        fourth += 4;
        uint32_t a = mlut_isa_even(words[0]);
        uint32_t b = mlut_isa_even(words[1]);
        uint32_t c = mlut_isa_even(words[2]);
        uint32_t d = mlut_isa_even(words[3]);
        to[0] = mlut_isa_sub2(a, c);
        to_second[0] = mlut_isa_add2(b, c);
        to_third[0] = mlut_isa_sub2(c, b);
        to_fourth[0] = mlut_isa_sub2(b, d);
        a = mlut_isa_odd(words[0]);
        b = mlut_isa_odd(words[1]);
        c = mlut_isa_odd(words[2]);
        d = mlut_isa_odd(words[3]);
        to[MLUT_COLUMNS] = mlut_isa_sub2(a, c);
        to_second[MLUT_COLUMNS] = mlut_isa_add2(b, c);
        to_third[MLUT_COLUMNS] = mlut_isa_sub2(c, b);
        to_fourth[MLUT_COLUMNS] = mlut_isa_sub2(b, d);
        to += 2u * MLUT_COLUMNS;
        to_second += 2u * MLUT_COLUMNS;
        to_third += 2u * MLUT_COLUMNS;
        to_fourth += 2u * MLUT_COLUMNS;
    }
}

/* Transform the rows of four fields, `count` words each, in place. */
static __attribute__((noinline)) void mlut_winograd_down(uint32_t *first, size_t count)
{
    uint32_t *second = first + count;
    uint32_t *third = second + count;
    uint32_t *fourth = third + count;
    for (const uint32_t *const end = second; first != end;) {
        const uint32_t a = *first;
        const uint32_t b = *second;
        const uint32_t c = *third;
        const uint32_t d = *fourth;
        *first++ = mlut_isa_sub2(a, c);
        *second++ = mlut_isa_add2(b, c);
        *third++ = mlut_isa_sub2(c, b);
        *fourth++ = mlut_isa_sub2(b, d);
    }
}

/* The upper left one of two by two outputs. */
typedef struct {
    size_t y;
    size_t x;
} mlut_winograd_place_t;

static inline void mlut_winograd_next(const mlut_conv2d_t *layer, mlut_winograd_place_t *place)
{
    place->x += 2u;
    if (place->x >= layer->out.width) {
        place->x = 0;
        place->y += 2u;
    }
}

/* Write a field, transformed along the rows, to one of four columns. */
static __attribute__((noinline)) void mlut_winograd_field(const mlut_conv2d_t *layer,
    const int8_t *in,
    const int8_t *padding,
    const mlut_winograd_place_t *place,
    uint32_t *column)
{
    const size_t channels = layer->in.channels;
    const size_t step = 2u * channels;
    /* Positions before the picture wrap to huge unsigned values. */
    size_t top = place->y - layer->window.pad_top;
    const size_t left = place->x - layer->window.pad_left;
    for (size_t i = 0; i < 4; i++, top++, column += 4u * step) {
        const int8_t *pixels[4];
        for (size_t j = 0; j < 4; j++) {
            const int inside = top < layer->in.height && left + j < layer->in.width;
            pixels[j] = inside ? in + (top * layer->in.width + left + j) * channels : padding;
        }
        mlut_winograd_across(pixels, channels, step, column);
    }
}

/* Where outputs go, and how they are rounded. */
typedef struct {
    size_t right;
    size_t below;
    int32_t signs; /* what of a negative sum's sign is added to the nudge */
} mlut_winograd_put_t;

static MLUT_INLINE int8_t mlut_winograd_output(
    const mlut_channel_t *channel, int32_t signs, uint32_t four_sums)
{
    const int32_t sum = (int32_t)four_sums;
    const int32_t nudge = channel->nudge + ((sum >> 31) & signs);
    const int32_t raised = mlut_isa_high_add(sum >> 1, channel->multiplier, nudge);
    return (int8_t)mlut_isa_saturate(raised >> (unsigned)-channel->shift);
}

/* A column of totals, transformed. */
typedef struct {
    uint32_t upper;
    uint32_t lower;
} mlut_winograd_halves_t;

/* Transform column `j` of four of a field's totals; `bias` is added to its second element. */
static MLUT_INLINE mlut_winograd_halves_t mlut_winograd_halves(
    const int32_t *totals, size_t j, uint32_t bias)
{
    const size_t below = 4u * MLUT_WINOGRAD_TOTALS;
    totals += j * MLUT_WINOGRAD_TOTALS;
    const uint32_t second = (uint32_t)totals[below] + bias;
    const uint32_t third = (uint32_t)totals[2u * below];
    const mlut_winograd_halves_t halves = {
        (uint32_t)totals[0] + second + third, second - third - (uint32_t)totals[3u * below]};
    return halves;
}

/* Transform the totals of some rows and one field, and write two by two outputs of each row. An
 * output outside of the picture goes where another one is written after it. */
static __attribute__((noinline)) void mlut_winograd_finish(const mlut_winograd_put_t *put,
    const int32_t *totals,
    size_t rows,
    const mlut_channel_t *channel,
    const int32_t *four_biases,
    int8_t *out)
{
    const size_t right = put->right;
    const int32_t signs = put->signs;
    int8_t *below = out + put->below;
    for (const int32_t *const end = totals + MLUT_COLUMNS * rows; totals != end;
        totals += MLUT_COLUMNS, channel++) {
        const mlut_winograd_halves_t a = mlut_winograd_halves(totals, 0, 0);
        /* This column's second element is part of all four outputs. */
        const mlut_winograd_halves_t b = mlut_winograd_halves(totals, 1, (uint32_t)*four_biases++);
        const mlut_winograd_halves_t c = mlut_winograd_halves(totals, 2, 0);
        const mlut_winograd_halves_t d = mlut_winograd_halves(totals, 3, 0);
        /* A copy, which outputs cannot alias. */
        const mlut_channel_t quick = {0, channel->multiplier, channel->shift, channel->nudge};
        below[right] = mlut_winograd_output(&quick, signs, b.lower - c.lower - d.lower);
        *below++ = mlut_winograd_output(&quick, signs, a.lower + b.lower + c.lower);
        out[right] = mlut_winograd_output(&quick, signs, b.upper - c.upper - d.upper);
        *out++ = mlut_winograd_output(&quick, signs, a.upper + b.upper + c.upper);
    }
}

/* Add the outputs of a field's channels to those of another layer, which `out` holds. */
static inline __attribute__((always_inline)) void mlut_winograd_add(const mlut_conv2d_t *layer,
    const mlut_winograd_place_t *place,
    const int8_t *results,
    size_t rows,
    int8_t *out)
{
    for (size_t k = 0; k < 4; k++, results += rows) {
        const size_t y = place->y + k / 2u;
        const size_t x = place->x + k % 2u;
        if (y < layer->out.height && x < layer->out.width) {
            int8_t *other = out + (y * layer->out.width + x) * layer->out.channels;
            layer->sum->span(layer->sum, layer->sum_left ? results : other,
                layer->sum_left ? other : results, rows, other);
        }
    }
}

/* What scratch holds. */
typedef struct {
    mlut_channel_t *channels; /* with biases of 0 */
    int32_t *four_biases;
    uint32_t *weights; /* by position, two rows, and input channel */
    uint32_t *columns; /* by position and input channel */
    int32_t *totals;   /* by position, row and column */
    int8_t *padding;
    int8_t *results;
} mlut_winograd_scratch_t;

/* Multiply some rows, from number `row` of the tile on, by four columns. */
static inline __attribute__((always_inline)) void mlut_winograd_multiply(const mlut_conv2d_t *layer,
    const mlut_winograd_scratch_t *scratch,
    size_t row,
    size_t rows,
    size_t stride)
{
    const size_t words = layer->in.channels;
    const uint32_t *weights = scratch->weights + row / 2u * words;
    mlut_span_t span = mlut_isa_span(scratch->columns, words / 4u);
    int32_t *to = scratch->totals;
    for (size_t position = 0; position < MLUT_WINOGRAD_POSITIONS; position++) {
        mlut_isa_tile(weights, &span, &scratch->channels[row].bias, to,
            to + MLUT_COLUMNS * ((rows + 1u) & ~(size_t)1));
        weights += stride;
        span.first += 2u * words;
        span.end += 2u * words;
        to += MLUT_WINOGRAD_TOTALS;
    }
}

/* Make the outputs of up to four fields, from `place` on, which moves behind them. */
static inline __attribute__((always_inline)) void mlut_winograd_block(const mlut_conv2d_t *layer,
    const mlut_winograd_scratch_t *scratch,
    size_t first,
    size_t rows,
    size_t count,
    mlut_winograd_place_t *place,
    int8_t *out)
{
    const size_t channels = layer->out.channels;
    const size_t stride = (layer->tile + 1u) / 2u * layer->in.channels;
    mlut_winograd_put_t put = {
        rows, 2u * rows, layer->output.rounding == MLUT_ROUND_SIGNED ? -1 : 0};
    for (size_t row = 0; row < rows; row += MLUT_WINOGRAD_GROUP) {
        const size_t here = rows - row < MLUT_WINOGRAD_GROUP ? rows - row : MLUT_WINOGRAD_GROUP;
        mlut_winograd_multiply(layer, scratch, row, here, stride);
        mlut_winograd_place_t at = *place;
        for (size_t i = 0; i < count; i++) {
            int8_t *to = scratch->results + 4u * rows * i;
            if (layer->sum == NULL) {
                put.right = at.x + 1u < layer->out.width ? channels : 0;
                put.below = at.y + 1u < layer->out.height ? channels * layer->out.width : 0;
                to = out + (at.y * layer->out.width + at.x) * channels + first;
            }
            mlut_winograd_finish(&put, scratch->totals + i, here, scratch->channels + row,
                scratch->four_biases + row, to + row);
            mlut_winograd_next(layer, &at);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (layer->sum != NULL) {
            mlut_winograd_add(layer, place, scratch->results + 4u * rows * i, rows, out + first);
        }
        mlut_winograd_next(layer, place);
    }
}

/* Make some output channels: whole tiles, or all that are left. */
static inline __attribute__((always_inline)) void mlut_winograd_run(const mlut_conv2d_t *layer,
    size_t from,
    size_t until,
    const int8_t *in,
    int8_t *out,
    void *memory)
{
    const size_t depth = layer->in.channels;
    const size_t even = (layer->tile + 1u) & ~(size_t)1;
    mlut_winograd_scratch_t scratch;
    scratch.channels = (mlut_channel_t *)memory;
    scratch.four_biases = (int32_t *)(scratch.channels + even);
    scratch.weights = (uint32_t *)(scratch.four_biases + even);
    scratch.columns = scratch.weights + MLUT_WINOGRAD_POSITIONS * even / 2u * depth;
    scratch.totals = (int32_t *)(scratch.columns + MLUT_WINOGRAD_POSITIONS * 2u * depth);
    scratch.padding = (int8_t *)(scratch.totals + MLUT_WINOGRAD_POSITIONS * MLUT_WINOGRAD_TOTALS);
    scratch.results = scratch.padding + depth;
    memset(scratch.padding, layer->input_zero_point, depth);
    const size_t fields = (layer->out.height + 1u) / 2u * ((layer->out.width + 1u) / 2u);
    for (size_t first = from; first < until; first += layer->tile) {
        const size_t left = until - first;
        const size_t rows = left < layer->tile ? left : layer->tile;
        scratch.channels[even - 1u].bias = 0; /* there may be no such row */
        mlut_expand_channels(&layer->output, first, rows, scratch.channels);
        for (size_t row = 0; row < rows; row++) {
            scratch.four_biases[row] = mlut_shift_left(scratch.channels[row].bias, 2);
            scratch.channels[row].bias = 0;
        }
        for (size_t row = 0; row < rows; row += 2) {
            mlut_winograd_unpack(layer, first + row, rows - row < 2 ? 1 : 2, scratch.columns,
                scratch.weights + row / 2u * depth, even / 2u * depth);
        }
        mlut_winograd_place_t read = {0, 0};
        mlut_winograd_place_t made = {0, 0};
        for (size_t field = 0; field < fields; field += MLUT_COLUMNS) {
            const size_t count = fields - field < MLUT_COLUMNS ? fields - field : MLUT_COLUMNS;
            for (size_t i = 0; i < MLUT_COLUMNS; i++) { /* the last one again where some miss */
                mlut_winograd_field(layer, in, scratch.padding, &read, scratch.columns + i);
                if (i + 1u < count || count == MLUT_COLUMNS) {
                    mlut_winograd_next(layer, &read);
                }
            }
            mlut_winograd_down(scratch.columns, 4u * 2u * depth);
            mlut_winograd_block(layer, &scratch, first, rows, count, &made, out);
        }
    }
}

void mlut_winograd(const mlut_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    mlut_winograd_run(layer, 0, layer->out.channels, in, out, scratch);
}

void mlut_winograd_part(const mlut_conv2d_t *layer,
    size_t from,
    size_t until,
    const int8_t *in,
    int8_t *out,
    void *scratch)
{
    mlut_winograd_run(layer, from, until, in, out, scratch);
}

#else

void mlut_winograd(const mlut_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    mlut_conv2d(layer, in, out, scratch);
}

void mlut_winograd_part(const mlut_conv2d_t *layer,
    size_t from,
    size_t until,
    const int8_t *in,
    int8_t *out,
    void *scratch)
{
    mlut_conv2d_part(layer, from, until, in, out, scratch);
}

#endif
