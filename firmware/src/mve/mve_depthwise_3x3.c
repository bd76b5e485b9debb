/* Depthwise convolution with 3x3 kernels for cores with MVE.
 *
 * Four rows of a picture, two of which the next four rows share, are interleaved: a word has one
 * channel's values of a column, and four channels lie side by side. So 16 bytes that one gather
 * loads are four columns of four rows: two by two windows. Four vectors of weights, each with the
 * kernel where its window is and zeros elsewhere, turn them into four outputs. */
#include "../isa/isa.h"

#if MLUT_ISA_MVE

#include "depthwise.h"
#include "output.h"

#include <stdbool.h>

#define MLUT_MVE_3X3_CHANNELS 4u
#define MLUT_MVE_3X3_COLUMN (4u * MLUT_MVE_3X3_CHANNELS) /* bytes */

/* The kernel of a channel, column by column with a zero between, as the upper left window has it
 * from byte 5 on; from byte 5 - 4 * j - i on, it is in place for the window i down, j right. */
typedef struct {
    int8_t bytes[24];
} mlut_mve_3x3_kernel_t;

/* What a channel's outputs are made of: weights and places of four of them, and scalars. */
typedef struct {
    int8x16_t weights[4];
    uint32x4_t offsets;
    const mlut_channel_t *channel;
} mlut_mve_3x3_taps_t;

/* Rows of a channel's outputs, one or two at a time. */
typedef struct {
    const int8_t *from;
    int8_t *out;
    size_t times;
    size_t down;     /* bytes to the next four rows */
    size_t out_down; /* bytes to the next outputs */
} mlut_mve_3x3_rows_t;

/* What is the same for all rows of a band. */
typedef struct {
    const mlut_plane_t *plane;
    uint32x4_t offsets; /* of four pixels */
    uint32x4_t last;    /* the same of the pixels that are left, the last of them repeated */
    size_t pad;         /* columns before the picture */
    size_t width;       /* columns of it */
    size_t row_bytes;
    size_t pixel_bytes;
} mlut_mve_3x3_source_t;

static mlut_mve_3x3_source_t mlut_mve_3x3_source_of(const mlut_plane_t *plane)
{
    const mlut_depthwise_conv2d_t *layer = plane->layer;
    const size_t pad = layer->window.pad_left;
    const size_t room = plane->pitch > pad ? plane->pitch - pad : 0;
    const uint32x4_t numbers = vidupq_n_u32(0, 1);
    mlut_mve_3x3_source_t source;
    source.plane = plane;
    source.pixel_bytes = layer->in.channels;
    source.pad = plane->pitch < pad ? plane->pitch : pad;
    source.width = layer->in.width < room ? layer->in.width : room;
    source.row_bytes = layer->in.width * source.pixel_bytes;
    source.offsets = vmulq_n_u32(numbers, (uint32_t)source.pixel_bytes);
    const uint32x4_t most = vdupq_n_u32((uint32_t)(source.width + 3u) % 4u);
    source.last = vmulq_n_u32(vminq_u32(numbers, most), (uint32_t)source.pixel_bytes);
    return source;
}

/* Interleave four times `fours` columns of four rows, and return the end. GCC moves the four
 * vectors through memory. */
static inline int8_t *mlut_mve_3x3_interleave_fours(
    const int8_t *const rows[4], uint32x4_t offsets, size_t step, size_t fours, int8_t *to)
{
    const int8_t *first = rows[0];
    const int8_t *second = rows[1];
    const int8_t *third = rows[2];
    const int8_t *fourth = rows[3];
    __asm__ volatile("wls lr, %[fours], 2f\n"
                     "1:\tvldrw.u32 q0, [%[first], %q[offsets]]\n\t"
                     "vldrw.u32 q1, [%[second], %q[offsets]]\n\t"
                     "vldrw.u32 q2, [%[third], %q[offsets]]\n\t"
                     "vldrw.u32 q3, [%[fourth], %q[offsets]]\n\t"
                     "add %[first], %[step]\n\t"
                     "add %[second], %[step]\n\t"
                     "add %[third], %[step]\n\t"
                     "add %[fourth], %[step]\n\t"
                     "vst40.8 {q0, q1, q2, q3}, [%[to]]\n\t"
                     "vst41.8 {q0, q1, q2, q3}, [%[to]]\n\t"
                     "vst42.8 {q0, q1, q2, q3}, [%[to]]\n\t"
                     "vst43.8 {q0, q1, q2, q3}, [%[to]]!\n\t"
                     "le lr, 1b\n"
                     "2:"
        : [first] "+r"(first), [second] "+r"(second), [third] "+r"(third), [fourth] "+r"(fourth),
        [to] "+r"(to)
        : [fours] "r"(fours), [step] "r"(step), [offsets] "w"(offsets)
        : "q0", "q1", "q2", "q3", "lr", "cc", "memory");
    return to;
}

/* Interleave four rows from number `row` on. Those that are padding are first any row. */
static void mlut_mve_3x3_interleave_rows(
    const mlut_mve_3x3_source_t *source, size_t first, size_t row, int8_t *to)
{
    const mlut_plane_t *plane = source->plane;
    const size_t pixel = source->pixel_bytes;
    const size_t whole = source->width / 4u;
    const int8x16_t padding = vdupq_n_s8(plane->layer->input_zero_point);
    const int8_t *rows[4];
    unsigned outside = 0; /* lanes */
    for (size_t i = 0; i < 4u; i++) {
        const bool inside = row + i < plane->layer->in.height;
        rows[i] = plane->in + (inside ? (row + i) * source->row_bytes : 0u) + first;
        outside |= (inside ? 0u : 0x1111u) << i;
    }
    int8_t *const end = mlut_mve_3x3_interleave_fours(rows, source->offsets, 4u * pixel, whole, to);
    if (source->width % 4u != 0) {
        for (size_t i = 0; i < 4u; i++) {
            rows[i] += 4u * whole * pixel;
        }
        mlut_mve_3x3_interleave_fours(rows, source->last, 0, 1, end);
    }
    for (size_t x = 0; outside != 0 && x < source->width; x++) {
        vstrbq_p_s8(to + x * MLUT_MVE_3X3_COLUMN, padding, (mve_pred16_t)outside);
    }
}

/* Interleave all rows of the band, four channels from number `first` on. */
static __attribute__((noinline)) void mlut_mve_3x3_interleave(
    const mlut_mve_3x3_source_t *source, size_t first, size_t fours, int8_t *to)
{
    const size_t row_bytes = source->plane->pitch * MLUT_MVE_3X3_COLUMN;
    const int8_t value = source->plane->layer->input_zero_point;
    for (size_t i = 0; i < fours; i++, to += row_bytes) {
        int8_t *picture = to + source->pad * MLUT_MVE_3X3_COLUMN;
        int8_t *behind = picture + source->width * MLUT_MVE_3X3_COLUMN;
        mlut_mve_fill(to, value, source->pad * MLUT_MVE_3X3_COLUMN);
        if (source->width != 0) {
            mlut_mve_3x3_interleave_rows(source, first, source->plane->top + 2u * i, picture);
        }
        /* up to three columns too many have been written: they are padding, or the next rows */
        mlut_mve_fill(behind, value, (size_t)(to + row_bytes - behind));
    }
}

/* Prepare windows for `down` by `right` outputs, 1 or 2; a missing one is its neighbour again. */
static mlut_mve_3x3_taps_t mlut_mve_3x3_prepare(
    const mlut_plane_t *plane, const mlut_mve_3x3_kernel_t *kernel, size_t down, size_t right)
{
    const uint32_t below = (uint32_t)((down - 1u) * plane->layer->out.width);
    const uint32_t beside = (uint32_t)(right - 1u);
    const uint32_t places[4] = {0, beside, below, below + beside};
    const int8_t *first = kernel->bytes + 5;
    mlut_mve_3x3_taps_t taps;
    taps.weights[0] = vldrbq_s8(first);
    taps.weights[1] = vldrbq_s8(first - 4u * (right - 1u));
    taps.weights[2] = vldrbq_s8(first - (down - 1u));
    taps.weights[3] = vldrbq_s8(first - 4u * (right - 1u) - (down - 1u));
    taps.offsets = vmulq_n_u32(vldrwq_u32(places), plane->layer->out.channels);
    return taps;
}

/* Four outputs. */
static inline __attribute__((always_inline)) void mlut_mve_3x3_convolve_four(
    const mlut_mve_3x3_taps_t *taps,
    uint32x4_t columns,
    const int8_t *from,
    unsigned rounding,
    int8_t *out)
{
    const mlut_channel_t *channel = taps->channel;
    const int8x16_t values = vreinterpretq_s8_u32(
        vldrwq_gather_offset_u32((const uint32_t *)(const void *)from, columns));
    int32x4_t x =
        mlut_mve_four(vmladavq_s8(values, taps->weights[0]), vmladavq_s8(values, taps->weights[1]),
            vmladavq_s8(values, taps->weights[2]), vmladavq_s8(values, taps->weights[3]));
    x = vqrdmulhq_n_s32(vaddq_n_s32(x, channel->bias), channel->multiplier);
    if (rounding == MLUT_ROUND_SIGNED) {
        x = vaddq_s32(x, vshrq_n_s32(x, 31));
    }
    x = vqshlq_r_s32(vaddq_n_s32(x, channel->nudge), 24 + channel->shift);
    vstrbq_scatter_offset_s32(out, taps->offsets, vshrq_n_s32(x, 24));
}

/* All outputs of some rows, `right` at a time; the last of an odd number is made with the one
 * before it. */
static inline __attribute__((always_inline)) void mlut_mve_3x3_convolve_rows(
    const mlut_plane_t *plane,
    const mlut_mve_3x3_taps_t *all,
    const mlut_mve_3x3_rows_t *rows,
    size_t right,
    unsigned rounding)
{
    const mlut_channel_t channel = *all->channel; /* which outputs cannot alias */
    mlut_mve_3x3_taps_t taps = *all;
    taps.channel = &channel;
    const uint32x4_t columns = vmulq_n_u32(vidupq_n_u32(0, 1), MLUT_MVE_3X3_COLUMN);
    const size_t width = plane->layer->out.width;
    const size_t channels = right * plane->layer->out.channels;
    const size_t step = right * plane->layer->window.stride_x * MLUT_MVE_3X3_COLUMN;
    const int8_t *from = rows->from;
    int8_t *out = rows->out;
    for (size_t y = 0; y < rows->times; y++, from += rows->down, out += rows->out_down) {
        const int8_t *x = from;
        int8_t *to = out;
        for (size_t left = width / right; left > 0; left--, x += step, to += channels) {
            mlut_mve_3x3_convolve_four(&taps, columns, x, rounding, to);
        }
        if (width % right != 0) {
            mlut_mve_3x3_convolve_four(&taps, columns, x - step / 2u, rounding, to - channels / 2u);
        }
    }
}

/* One channel: pairs of rows if the stride is 1, then what is left. */
static inline __attribute__((always_inline)) void mlut_mve_3x3_convolve_channel(
    const mlut_plane_t *plane, size_t c, unsigned rounding, int8_t *out)
{
    const mlut_depthwise_conv2d_t *layer = plane->layer;
    const mlut_window_t *window = &layer->window;
    const size_t right = window->stride_x == 1 && layer->out.width > 1 ? 2u : 1u;
    const size_t down = window->stride_y == 1 ? 2u : 1u;
    const size_t row_bytes = (size_t)layer->out.width * layer->out.channels;
    mlut_mve_3x3_kernel_t kernel = {{0}};
    const int8_t *weight = plane->weights + c;
    for (size_t i = 0; i < 3u; i++) {
        for (size_t j = 0; j < 3u; j++, weight += plane->count) {
            kernel.bytes[5u + 4u * j + i] = *weight;
        }
    }
    mlut_mve_3x3_rows_t rows = {plane->band + c % MLUT_MVE_3X3_CHANNELS * 4u, out + c,
        plane->rows / down, plane->pitch * MLUT_MVE_3X3_COLUMN, down * row_bytes};
    mlut_mve_3x3_taps_t taps = mlut_mve_3x3_prepare(plane, &kernel, down, right);
    taps.channel = plane->channels + c;
    mlut_mve_3x3_convolve_rows(plane, &taps, &rows, right, rounding);
    if (plane->rows % down != 0) {
        rows.from += rows.times * rows.down;
        rows.out += rows.times * rows.out_down;
        rows.times = 1;
        taps = mlut_mve_3x3_prepare(plane, &kernel, 1, right);
        taps.channel = plane->channels + c;
        mlut_mve_3x3_convolve_rows(plane, &taps, &rows, right, rounding);
    }
}

static inline __attribute__((always_inline)) void mlut_mve_3x3_convolve(
    const mlut_plane_t *plane, unsigned rounding, int8_t *out)
{
    const mlut_depthwise_conv2d_t *layer = plane->layer;
    const size_t fours = layer->window.stride_y == 1 ? (plane->rows + 1u) / 2u : plane->rows;
    if (layer->depth_multiplier != 1 || layer->in.channels % MLUT_MVE_3X3_CHANNELS != 0) {
        mlut_convolve_any(plane, out);
        return;
    }
    const mlut_mve_3x3_source_t source = mlut_mve_3x3_source_of(plane);
    for (size_t c = 0; c < plane->count; c++) {
        if (c % MLUT_MVE_3X3_CHANNELS == 0) {
            mlut_mve_3x3_interleave(&source, plane->first + c, fours, plane->band);
        }
        mlut_mve_3x3_convolve_channel(plane, c, rounding, out);
    }
}

void mlut_convolve_3x3_signed(const mlut_plane_t *plane, int8_t *out)
{
    mlut_mve_3x3_convolve(plane, MLUT_ROUND_SIGNED, out);
}

void mlut_convolve_3x3_positive(const mlut_plane_t *plane, int8_t *out)
{
    mlut_mve_3x3_convolve(plane, MLUT_ROUND_POSITIVE, out);
}

void mlut_convolve_3x3_2_signed(const mlut_plane_t *plane, int8_t *out)
{
    mlut_convolve_3x3_signed(plane, out);
}

void mlut_convolve_3x3_2_positive(const mlut_plane_t *plane, int8_t *out)
{
    mlut_convolve_3x3_positive(plane, out);
}

#endif
