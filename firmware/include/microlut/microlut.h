/* microlut inference engine: layer structures and one function per operator.
 *
 * Every structure is filled in by the converter and lives in flash. Activations are int8 in NHWC
 * order without a batch dimension; arithmetic is that of the TensorFlow Lite 8-bit quantization
 * specification. No function allocates, recurses or uses floating point.
 */
#ifndef MICROLUT_H
#define MICROLUT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Generated code refuses to compile against another version of these structures. */
#define MLUT_ABI 8

/* Weights: `columns` indices a row, packed from the least significant bit of the row's first byte
 * on; a row starts on a byte. Index i ends at bit (i + 1) * bits and has index_bits bits: the lower
 * ones it has in common with those before it, or they are zeros. weight = codebook[index]. With 8
 * bits there is no codebook: the row holds the int8 weights themselves. See docs/format.md. */
typedef struct {
    const uint8_t *indices;
    const int8_t *codebook; /* 1 << index_bits levels; NULL with 8 bits */
    uint32_t row_bytes;
    uint8_t bits;       /* 2 to 8 */
    uint8_t index_bits; /* the same, or 6: with 2 to 4 bits in convolutions and dense layers */
} mlut_weights_t;

/* Which form of the output stage a layer may take; all give TensorFlow Lite's results. The quick
 * ones need output limits of -128 and 127, shifts of -21 to -1, and sums below 2^30. */
#define MLUT_ROUND_ANY 0u      /* no conditions */
#define MLUT_ROUND_SIGNED 1u   /* quick */
#define MLUT_ROUND_POSITIVE 2u /* quick; and results below the zero point are limited to it */

/* How an accumulator becomes an int8: acc * input scale * weight scale / output scale. A channel
 * takes `words` words: its weight scale as a 16-bit floating-point number, and its bias, into which
 * -input_zero_point * sum(weights) is folded. See docs/format.md. */
typedef struct {
    uint64_t ratio; /* input scale / output scale: 52 bits, the first of them 1 */
    const uint16_t *channels;
    uint8_t words;      /* 2; 3 if the bias has 32 bits */
    uint8_t bias_shift; /* what a 16-bit bias is shifted left by, less the scale's exponent */
    int8_t shift;       /* what the scale's exponent is added to */
    int8_t zero_point;
    int8_t minimum;
    int8_t maximum;
    uint8_t rounding; /* MLUT_ROUND_... */
} mlut_output_t;

/* What only some layers need, a structure points to: the linker leaves out the rest. */
struct mlut_block;
struct mlut_rows;
struct mlut_plane;
typedef void mlut_unpack_t(
    const mlut_weights_t *weights, size_t first, size_t rows, size_t columns, uint32_t *to);
typedef void mlut_multiply_t(const struct mlut_block *block, int8_t *out);
typedef void mlut_convolve_t(const struct mlut_plane *plane, int8_t *out);
typedef void mlut_dot_t(const struct mlut_rows *rows, int32_t totals[4]);

/* By the weights' bits, and the bits of an index where they are more. */
mlut_unpack_t mlut_unpack_2, mlut_unpack_3, mlut_unpack_4, mlut_unpack_5, mlut_unpack_6,
    mlut_unpack_7, mlut_unpack_8, mlut_unpack_2_6, mlut_unpack_3_6, mlut_unpack_4_6;
mlut_dot_t mlut_dot_2, mlut_dot_3, mlut_dot_4, mlut_dot_5, mlut_dot_6, mlut_dot_7, mlut_dot_8,
    mlut_dot_2_6, mlut_dot_3_6, mlut_dot_4_6;

/* By the output stage's rounding; the last two for 3x3 kernels without
 * dilation whose vertical stride is 1 or 2. */
mlut_multiply_t mlut_multiply_any, mlut_multiply_signed, mlut_multiply_positive;
mlut_convolve_t mlut_convolve_any, mlut_convolve_3x3_signed, mlut_convolve_3x3_positive;

/* A picture's size in pixels and channels. */
typedef struct {
    uint16_t height;
    uint16_t width;
    uint16_t channels;
} mlut_shape_t;

/* How a kernel or pool moves over its input; padding at the bottom and right follows from sizes. */
typedef struct {
    uint16_t height;
    uint16_t width;
    uint16_t stride_y;
    uint16_t stride_x;
    uint16_t pad_top;
    uint16_t pad_left;
    uint16_t dilation_y;
    uint16_t dilation_x;
} mlut_window_t;

/* A factor multiplier * 2^(shift - 31). */
typedef struct {
    int32_t multiplier;
    int8_t shift;
} mlut_factor_t;

/* Sum of two tensors of `count` elements. The output may be either input. */
typedef struct mlut_sum mlut_add_t;
typedef void mlut_add_span_t(
    const mlut_add_t *layer, const int8_t *left, const int8_t *right, size_t count, int8_t *out);
mlut_add_span_t mlut_add_any, mlut_add_quick;

struct mlut_sum {
    mlut_add_span_t *span; /* quick: left factor 1/2, shifts of right and output -21 to -1, limits
                              -128 and 127 */
    uint32_t count;
    mlut_factor_t left;
    mlut_factor_t right;
    mlut_factor_t output;
    int16_t left_zero_point;
    int16_t right_zero_point;
    int16_t output_zero_point;
    int8_t minimum;
    int8_t maximum;
};

/* Convolution. Rows of `weights`: output channels; columns: kernel height, width, input channel.
 * `tile` output channels, an even number or all, are decoded at a time. With `sum`, the outputs are
 * added to `out` as it is on entry (`sum_left`: they are the left term). The output may be the
 * input if tile is all channels, the kernel 1x1 without stride, and there are no more outputs than
 * inputs. Scratch, with quads = columns / 4 rounded up, 2 at least, and rows = tile rounded up to
 * even: rows * (16 + 8 * quads) + 32 * quads bytes, 4 * quads more if `patch`, 4 * tile more with
 * `sum`. */
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
    uint8_t patch; /* gather bytes before they are widened: kernels over channels not in fours */
    uint8_t sum_left;
    int8_t input_zero_point;
} mlut_conv2d_t;

/* Depthwise convolution. Rows of `weights`: kernel positions; columns: output channels. Output
 * channel c reads input channel c / depth_multiplier. `tile` channels at a time: a multiple of
 * 8 * depth_multiplier, or all; `rows` output rows at a time. The output may be the input if both
 * have the same shape and `rows` is all of them.
 * Scratch: tile * (16 + kernel positions) + 8 * pitch * height bytes, where a band of the padded
 * input has height (rows - 1) * stride_y + (window height - 1) * dilation_y + 1, rounded up to
 * even, and pitch (output width - 1) * stride_x + (window width - 1) * dilation_x + 1. */
typedef struct {
    mlut_weights_t weights;
    mlut_output_t output;
    mlut_shape_t in;
    mlut_shape_t out;
    mlut_window_t window;
    mlut_convolve_t *convolve;
    uint16_t tile;
    uint16_t rows;
    uint16_t depth_multiplier;
    int8_t input_zero_point;
} mlut_depthwise_conv2d_t;

/* Fully connected layer over `vectors` inputs. Rows of `weights`: units; columns: inputs.
 * Scratch: none if bits is 8; else 2 * inputs, inputs rounded up to a multiple of 8, and where two
 * neighbouring indices have 9 bits at most, a table of 4 << bits + index_bits bytes. */
typedef struct {
    mlut_weights_t weights;
    mlut_output_t output;
    mlut_dot_t *dot;
    uint32_t vectors;
    uint32_t inputs;
    uint32_t units;
} mlut_dense_t;

/* Maximum or mean over a window; padded positions do not count. */
typedef struct {
    mlut_shape_t in;
    mlut_shape_t out;
    mlut_window_t window;
    int8_t minimum;
    int8_t maximum;
} mlut_pool2d_t;

/* Mean of each channel over `pixels`, with a quantization of its own: the sum of the inputs less
 * their zero points, times the factor. */
typedef struct {
    uint32_t pixels;
    uint16_t channels;
    int8_t input_zero_point;
    int8_t output_zero_point;
    mlut_factor_t factor;
} mlut_mean_t;

/* Clamp `count` elements (a ReLU that stands alone). The output may be the input. */
typedef struct {
    uint32_t count;
    int8_t minimum;
    int8_t maximum;
} mlut_clamp_t;

/* Pad a picture with `value`. */
typedef struct {
    mlut_shape_t in;
    mlut_shape_t out;
    uint16_t pad_top;
    uint16_t pad_left;
    int8_t value;
} mlut_pad_t;

/* Softmax of `vectors` vectors of `length` elements; output scale 1/256, zero point -128.
 * Differences to the maximum below `minimum_difference` count as zero. */
typedef struct {
    uint32_t vectors;
    uint16_t length;
    int16_t minimum_difference;
    int32_t multiplier;
    uint8_t left_shift;
} mlut_softmax_t;

/* One function per operator. `in` and `out` do not overlap unless the structure says so; scratch
 * is aligned to MLUT_ALIGNMENT and as large as the structure says. */
#define MLUT_ALIGNMENT 16u

void mlut_conv2d(const mlut_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch);
void mlut_depthwise_conv2d(
    const mlut_depthwise_conv2d_t *layer, const int8_t *in, int8_t *out, void *scratch);
void mlut_dense(const mlut_dense_t *layer, const int8_t *in, int8_t *out, void *scratch);
void mlut_add(const mlut_add_t *layer, const int8_t *left, const int8_t *right, int8_t *out);
void mlut_average_pool2d(const mlut_pool2d_t *layer, const int8_t *in, int8_t *out);
void mlut_max_pool2d(const mlut_pool2d_t *layer, const int8_t *in, int8_t *out);
void mlut_mean(const mlut_mean_t *layer, const int8_t *in, int8_t *out);
void mlut_clamp(const mlut_clamp_t *layer, const int8_t *in, int8_t *out);
void mlut_pad(const mlut_pad_t *layer, const int8_t *in, int8_t *out);
void mlut_softmax(const mlut_softmax_t *layer, const int8_t *in, int8_t *out);

/* What a generated <model>.c offers to programs that run any model (the console application). */
typedef struct {
    const char *name;
    uint32_t arena_bytes;
    uint32_t input_bytes;
    uint32_t output_bytes;
    float input_scale; /* real = scale * (quantized - zero_point) */
    float output_scale;
    int32_t input_zero_point;
    int32_t output_zero_point;
    /* Takes an arena; returns where input_bytes are written before each run, or NULL if the arena
     * is too small or not aligned to MLUT_ALIGNMENT. */
    int8_t *(*init)(void *arena, size_t bytes);
    const int8_t *(*run)(void *arena); /* runs one inference, returns output_bytes of output */
} mlut_model_t;

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_H */
