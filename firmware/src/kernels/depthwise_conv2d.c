/* Depthwise convolution with codebook weights.
 *
 * out[y, x, c] = stage(bias[c] + sum over (i, j) of w[i, j, c] * in[y', x', c / multiplier]). Four
 * input channels at a time are spread into planes of int16, with the padding around them, for a
 * band of output rows. Two rows lie interleaved: a word is a pair of vertical neighbours, and the
 * words of the four channels are side by side. Padding has the value of the zero point. */
#include "microlut/depthwise_conv2d.h"
#include "../decode.h"
#include "../isa/isa.h"
#include "../small.h"
#include "output_stage.h"
#include "spread.h"

#include <stdbool.h>
#include <string.h>

#if !MLUT_ISA_MVE

/* A band of input rows as planes of four channels. */
typedef struct {
    uint32_t *pairs;
    size_t pitch;  /* words per pair of rows */
    size_t height; /* rows of the picture, two to a pair */
    size_t top;    /* the picture's row that is the first one, modulo 2^n */
} mlut_depthwise_planes_t;

/* What one channel of a band needs. */
typedef struct mlut_plane {
    const mlut_depthwise_conv2d_t *layer;
    const mlut_channel_t *channel;
    const int8_t *weights; /* of the channel, one every `gap` */
    size_t gap;
    const uint32_t *plane; /* row y is the half y % 2 of pair y / 2, a pixel is MLUT_LANES words */
    size_t pitch;          /* words per pair of rows */
    size_t rows;           /* of outputs */
} mlut_depthwise_plane_t;

/* Kernel rows whose inputs are the halves of words: two, or one beside zeros. */
typedef struct {
    const uint32_t *words;
    const int8_t *weights[2];
    int32_t masks[2]; /* of the weights that count */
    size_t rows;
} mlut_depthwise_step_t;

/* The step that begins with the kernel row whose weights are given, `left` rows before the end. */
static MLUT_INLINE mlut_depthwise_step_t mlut_depthwise_step(
    const mlut_depthwise_plane_t *job, const int8_t *weights, size_t row, size_t left)
{
    const mlut_window_t *window = &job->layer->window;
    const bool upper = row % 2u == 0;
    const bool both = upper && window->dilation_y == 1 && left > 1;
    const mlut_depthwise_step_t step = {job->plane + row / 2u * job->pitch,
        {weights, both ? weights + job->gap * window->width : weights},
        {upper ? -1 : 0, upper && !both ? 0 : -1}, both ? 2u : 1u};
    return step;
}

static MLUT_INLINE uint32_t mlut_depthwise_step_pair(const mlut_depthwise_step_t *step, size_t at)
{
    return mlut_isa_entry(
        step->weights[0][at] & step->masks[0], step->weights[1][at] & step->masks[1]);
}

static MLUT_INLINE int8_t mlut_depthwise_output(const mlut_depthwise_plane_t *job, int32_t total)
{
    return mlut_rounded_output(&job->layer->output, job->channel, total);
}

/* Four outputs of a row whose first one reads row and column (y, x) of the plane first. */
static __attribute__((noinline)) void mlut_depthwise_four(
    const mlut_depthwise_plane_t *job, size_t y, size_t x, int8_t *out)
{
    const mlut_window_t *window = &job->layer->window;
    const size_t right = MLUT_LANES * window->stride_x;
    const size_t apart = MLUT_LANES * window->dilation_x;
    const size_t end = job->gap * window->width;
    const int8_t *weights = job->weights;
    int32_t a = job->channel->bias;
    int32_t b = a;
    int32_t c = a;
    int32_t d = a;
    for (size_t left = window->height; left > 0;) {
        const mlut_depthwise_step_t step = mlut_depthwise_step(job, weights, y, left);
        const uint32_t *words = step.words + x * MLUT_LANES;
        const uint32_t *third = words + 2u * right;
        for (size_t at = 0; at != end; at += job->gap, words += apart, third += apart) {
            const uint32_t pair = mlut_depthwise_step_pair(&step, at);
            a = mlut_isa_dot2(words[0], pair, a);
            b = mlut_isa_dot2(words[right], pair, b);
            c = mlut_isa_dot2(third[0], pair, c);
            d = mlut_isa_dot2(third[right], pair, d);
        }
        y += step.rows * window->dilation_y;
        weights += step.rows * end;
        left -= step.rows;
    }
    const size_t channels = job->layer->out.channels;
    out[0] = mlut_depthwise_output(job, a);
    out[channels] = mlut_depthwise_output(job, b);
    out[2u * channels] = mlut_depthwise_output(job, c);
    out[3u * channels] = mlut_depthwise_output(job, d);
}

static __attribute__((noinline)) void mlut_depthwise_one(
    const mlut_depthwise_plane_t *job, size_t y, size_t x, int8_t *out)
{
    const mlut_window_t *window = &job->layer->window;
    const size_t apart = MLUT_LANES * window->dilation_x;
    const size_t end = job->gap * window->width;
    const int8_t *weights = job->weights;
    int32_t total = job->channel->bias;
    for (size_t left = window->height; left > 0;) {
        const mlut_depthwise_step_t step = mlut_depthwise_step(job, weights, y, left);
        const uint32_t *words = step.words + x * MLUT_LANES;
        for (size_t at = 0; at != end; at += job->gap, words += apart) {
            total = mlut_isa_dot2(words[0], mlut_depthwise_step_pair(&step, at), total);
        }
        y += step.rows * window->dilation_y;
        weights += step.rows * end;
        left -= step.rows;
    }
    *out = mlut_depthwise_output(job, total);
}

/* Any kernel. The last four outputs of a row may be some that have been made before. */
void mlut_convolve_any(const mlut_depthwise_plane_t *job, int8_t *out)
{
    const mlut_window_t *window = &job->layer->window;
    const size_t channels = job->layer->out.channels;
    const size_t width = job->layer->out.width;
    for (size_t row = 0; row < job->rows; row++, out += width * channels) {
        const size_t y = row * window->stride_y;
        for (size_t x = 0; width < 4 && x < width; x++) {
            mlut_depthwise_one(job, y, x * window->stride_x, out + x * channels);
        }
        for (size_t done = 0; width >= 4 && done < width; done += 4) {
            const size_t x = done + 4 < width ? done : width - 4;
            mlut_depthwise_four(job, y, x * window->stride_x, out + x * channels);
        }
    }
}

/* What a 3x3 kernel's rows have in common; `together` rows of outputs are a strip or apart. */
static MLUT_INLINE mlut_rows_t mlut_depthwise_rows(
    const mlut_depthwise_plane_t *job, size_t together, int8_t *out)
{
    const size_t channels = job->layer->out.channels;
    const size_t width = job->layer->out.width;
    const mlut_channel_t *channel = job->channel;
    mlut_rows_t rows;
    rows.from = job->plane;
    rows.pitch = job->pitch * sizeof(uint32_t);
    rows.multiplier = channel->multiplier;
    rows.nudge = channel->nudge;
    rows.shift = (uint32_t)-channel->shift;
    rows.bias = mlut_shift_left(channel->bias, 1);
    rows.out = out;
    rows.below = 0;
    rows.step = channels;
    rows.across = (width & ~(size_t)1) * channels;
    rows.odd = width & 1u;
    rows.gap = together * width * channels - rows.across;
    rows.lower = 0;
    return rows;
}

/* All rows of a 3x3 kernel with stride 1 to the right. With stride 1 down, a strip is two of them,
 * but for an odd one at the end. */
static MLUT_INLINE void mlut_depthwise_3x3(
    const mlut_depthwise_plane_t *job, void make(const mlut_rows_t *all), int8_t *out)
{
    const size_t together = job->layer->window.stride_y == 1 ? 2u : 1u;
    const size_t below = (size_t)job->layer->out.width * job->layer->out.channels;
    mlut_rows_t rows = mlut_depthwise_rows(job, together, out);
    for (size_t j = 0; j < 3; j++) {
        const int8_t *w = job->weights + j * job->gap;
        const int32_t second = mlut_isa_row_scale * w[3u * job->gap];
        rows.weights[j] = mlut_isa_entry(mlut_isa_row_scale * w[0], second);
        rows.weights[3u + j] = mlut_isa_entry(second, mlut_isa_row_scale * w[6u * job->gap]);
    }
    rows.below = together == 2 ? below : 0;
    rows.strips = job->rows / together;
    if (rows.strips > 0) {
        make(&rows);
    }
    if (job->rows % together != 0) {
        rows.from += rows.strips * job->pitch;
        rows.out += rows.strips * 2u * below;
        rows.below = 0;
        rows.strips = 1;
        make(&rows);
    }
}

/* The same with stride 2 to the right. With stride 1 down, each second row begins with the lower
 * one of a pair. */
static MLUT_INLINE void mlut_depthwise_3x3_2(
    const mlut_depthwise_plane_t *job, void make(const mlut_rows_t *all), int8_t *out)
{
    const size_t apart = job->layer->window.stride_y == 1 ? 2u : 1u;
    mlut_rows_t rows = mlut_depthwise_rows(job, apart, out);
    for (; rows.lower < apart; rows.lower++) {
        for (size_t j = 0; j < 3; j++) {
            const int8_t *w = job->weights + j * job->gap;
            const int32_t first = mlut_isa_row_scale * w[0];
            const int32_t second = mlut_isa_row_scale * w[3u * job->gap];
            const int32_t third = mlut_isa_row_scale * w[6u * job->gap];
            rows.weights[j] =
                rows.lower == 0 ? mlut_isa_entry(first, second) : mlut_isa_entry(0, first);
            rows.weights[3u + j] =
                rows.lower == 0 ? mlut_isa_entry(third, 0) : mlut_isa_entry(second, third);
        }
        rows.strips = (job->rows + apart - 1u - rows.lower) / apart;
        if (rows.strips > 0) {
            make(&rows);
        }
        rows.out += (size_t)job->layer->out.width * rows.step;
    }
}

void mlut_convolve_3x3_signed(const mlut_depthwise_plane_t *job, int8_t *out)
{
    mlut_depthwise_3x3(job, mlut_isa_rows_signed, out);
}

void mlut_convolve_3x3_positive(const mlut_depthwise_plane_t *job, int8_t *out)
{
    mlut_depthwise_3x3(job, mlut_isa_rows_positive, out);
}

void mlut_convolve_3x3_2_signed(const mlut_depthwise_plane_t *job, int8_t *out)
{
    mlut_depthwise_3x3_2(job, mlut_isa_rows_2_signed, out);
}

void mlut_convolve_3x3_2_positive(const mlut_depthwise_plane_t *job, int8_t *out)
{
    mlut_depthwise_3x3_2(job, mlut_isa_rows_2_positive, out);
}

/* Spread `lanes` channels of the picture from number `first` on; where both rows of a pair are
 * outside, the padding is there already. */
static void mlut_depthwise_spread(const mlut_depthwise_conv2d_t *layer,
    const int8_t *in,
    size_t first,
    size_t lanes,
    const mlut_depthwise_planes_t *planes)
{
    const size_t channels = layer->in.channels;
    const size_t row_bytes = (size_t)layer->in.width * channels;
    const size_t pad = (size_t)layer->window.pad_left * MLUT_LANES;
    const size_t room = planes->pitch > pad ? (planes->pitch - pad) / MLUT_LANES : 0;
    const size_t count = layer->in.width < room ? layer->in.width : room;
    const size_t back = channels < MLUT_LANES ? 0 : MLUT_LANES - lanes;
    int8_t padding[2 * MLUT_LANES] __attribute__((aligned(4)));
    memset(padding, layer->input_zero_point, sizeof(padding));
    uint32_t *to = planes->pairs + pad;
    for (size_t i = 0; i < planes->height; i += 2, to += planes->pitch) {
        mlut_pixels_t rows[2];
        for (size_t r = 0; r < 2; r++) {
            const size_t row = planes->top + i + r;
            const bool inside = row < layer->in.height;
            rows[r].from = (inside ? in + row * row_bytes + first : padding + MLUT_LANES) - back;
            rows[r].step = inside ? channels : 0;
        }
        if (rows[0].step == 0 && rows[1].step == 0) {
            continue;
        }
        const bool aligned = !mlut_isa_unaligned && ((uintptr_t)in | channels) % 4u == 0;
        mlut_spread(rows, count, lanes, back, aligned, to);
    }
}

/* Values from an output row's or column's first input to its last one's end. */
static size_t mlut_depthwise_reach(size_t outputs, size_t stride, size_t size, size_t dilation)
{
    return (outputs - 1u) * stride + (size - 1u) * dilation + 1u;
}

/* All channels of a tile for the output rows of one band. */
static __attribute__((noinline)) void mlut_depthwise_convolve_band(mlut_depthwise_plane_t *job,
    const mlut_depthwise_planes_t *planes,
    const int8_t *in,
    size_t first,
    size_t count,
    int8_t *out)
{
    const mlut_depthwise_conv2d_t *layer = job->layer;
    const size_t multiplier = layer->depth_multiplier;
    const mlut_depthwise_plane_t start = *job;
    const uint32_t padding = mlut_isa_pair(layer->input_zero_point, layer->input_zero_point);
    const uint32_t *const end = planes->pairs + (planes->height + 1u) / 2u * planes->pitch;
    for (uint32_t *to = planes->pairs; to != end; to += MLUT_LANES) {
        to[0] = padding;
        to[1] = padding;
        to[2] = padding;
        to[3] = padding;
    }
    for (size_t c = 0; c < count; c++) {
        const size_t lane = c / multiplier % MLUT_LANES;
        if (c % (MLUT_LANES * multiplier) == 0) {
            const size_t left = (count - c) / multiplier;
            mlut_depthwise_spread(
                layer, in, (first + c) / multiplier, left < MLUT_LANES ? left : MLUT_LANES, planes);
        }
        job->plane = planes->pairs + lane;
        job->weights = start.weights + c;
        job->channel = start.channel + c;
        layer->convolve(job, out + c);
    }
    *job = start;
}

/* Make some output channels: the first one's weights begin on a byte. */
static inline __attribute__((always_inline)) void mlut_depthwise_conv2d_run(
    const mlut_depthwise_conv2d_t *layer,
    size_t from,
    size_t until,
    const int8_t *in,
    int8_t *out,
    void *scratch)
{
    const mlut_window_t *window = &layer->window;
    const size_t channels = layer->out.channels;
    const size_t positions = (size_t)window->height * window->width;
    mlut_depthwise_planes_t planes;
    planes.pairs = (uint32_t *)scratch;
    planes.pitch = MLUT_LANES * mlut_depthwise_reach(layer->out.width, window->stride_x,
                                    window->width, window->dilation_x);
    planes.height =
        mlut_depthwise_reach(layer->rows, window->stride_y, window->height, window->dilation_y);
    /* Behind the planes, for mlut_isa_rows_2 reads up to 20 bytes there, and 32 if there are more
     * channels than one. */
    mlut_channel_t *expanded =
        (mlut_channel_t *)(planes.pairs + (planes.height + 1u) / 2u * planes.pitch);
    int8_t *weights = (int8_t *)(expanded + layer->tile);

    for (size_t first = from; first < until; first += layer->tile) {
        const size_t count = until - first < layer->tile ? until - first : layer->tile;
        for (size_t i = 0; i < positions; i++) {
            mlut_decode(&layer->weights, i, first, count, weights + i * count);
        }
        mlut_expand_channels(&layer->output, first, count, expanded);
        mlut_depthwise_plane_t job = {layer, expanded, weights, count, NULL, planes.pitch, 0};
        for (size_t y = 0; y < layer->out.height; y += layer->rows) {
            const size_t left = layer->out.height - y;
            job.rows = left < layer->rows ? left : layer->rows;
            planes.top = y * window->stride_y - window->pad_top;
            int8_t *to = out + y * layer->out.width * channels + first;
            mlut_depthwise_convolve_band(&job, &planes, in, first, count, to);
        }
    }
}

void mlut_depthwise_conv2d(
    const mlut_depthwise_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    mlut_depthwise_conv2d_run(layer, 0, layer->out.channels, in, out, scratch);
}

void mlut_depthwise_conv2d_part(const mlut_depthwise_conv2d_t *layer,
    size_t from,
    size_t until,
    const int8_t *in,
    int8_t *out,
    void *scratch)
{
    mlut_depthwise_conv2d_run(layer, from, until, in, out, scratch);
}

#endif
