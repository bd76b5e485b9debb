/* Convolution. */
#ifndef MICROLUT_CONV2D_H
#define MICROLUT_CONV2D_H

#include "add.h"
#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mlut_block;
typedef void mlut_unpack_t(
    const mlut_weights_t *weights, size_t first, size_t rows, size_t columns, uint32_t *to);
typedef void mlut_multiply_t(const struct mlut_block *block, int8_t *out);

/* By the weights' bits, and the bits of an index where they are more. */
mlut_unpack_t mlut_unpack_2, mlut_unpack_3, mlut_unpack_4, mlut_unpack_5, mlut_unpack_6,
    mlut_unpack_7, mlut_unpack_8, mlut_unpack_2_6, mlut_unpack_3_6, mlut_unpack_4_6,
    mlut_unpack_coded;

/* By the output stage's rounding. */
mlut_multiply_t mlut_multiply_any, mlut_multiply_signed, mlut_multiply_positive;

/* Convolution. Rows of `weights`: output channels; columns: kernel height, width, input channel.
 * `tile` output channels, an even number or all, are decoded at a time. If `blocks` is 0, a tile
 * stays while all pixels stream by, which are gathered again for the next tile. Otherwise so many
 * blocks of four pixels stay while all tiles stream by. With `sum`, the outputs are added to `out`
 * as it is on entry (`sum_left`: they are the left term). The output may be the input if the kernel
 * is 1x1 without stride, there are no more outputs than inputs, and either tile is all channels or
 * blocks stay. Scratch, with quads = columns / 4 rounded up, 2 at least, and rows = tile rounded up
 * to even: rows * (16 + 8 * quads) bytes, 32 * quads for every block or for one, 4 * quads if
 * `patch`, 4 * tile with `sum`. */
typedef struct {
    mlut_weights_t weights;
    mlut_output_t output;
    mlut_shape_t in;
    mlut_shape_t out;
    mlut_window_t window;
    mlut_unpack_t *unpack;
    mlut_multiply_t *multiply;
    const mlut_add_t *sum; /* or NULL */
    uint16_t tile;
    uint16_t blocks;
    uint8_t patch; /* gather bytes before they are widened: kernels over channels not in fours */
    uint8_t sum_left;
    int8_t input_zero_point;
} mlut_conv2d_t;

void mlut_conv2d(const mlut_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch);

/* The same for output channels `from` up to `until`, which is not among them: multiples of `tile`,
 * or the last one of all. `blocks` is 0, and the output is not the input. */
void mlut_conv2d_part(const mlut_conv2d_t *layer,
    size_t from,
    size_t until,
    const int8_t *in,
    int8_t *out,
    void *scratch);

/* The same outputs by Winograd's method, on cores that add pairs of int16; others run mlut_conv2d.
 * Kernels are 3x3 without stride or dilation, over channels in fours; rounding is quick, sums are
 * below 2^29, `blocks` is 0. The output is not the input. Scratch, with rows as above and c input
 * channels: rows * (20 + 32 * c) + 129 * c + 1024 bytes, 16 * tile more with `sum`. */
void mlut_winograd(const mlut_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch);

/* The same for output channels `from` up to `until`, as for mlut_conv2d_part. */
void mlut_winograd_part(const mlut_conv2d_t *layer,
    size_t from,
    size_t until,
    const int8_t *in,
    int8_t *out,
    void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_CONV2D_H */
