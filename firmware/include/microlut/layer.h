/* What the structures of several operators are made of.
 *
 * Every operator has a header of its own beside this one, with a structure, which the converter
 * fills in and which lives in flash, and a function. Activations are int8 in NHWC order without a
 * batch dimension; arithmetic is that of the TensorFlow Lite 8-bit quantization specification. `in`
 * and `out` do not overlap unless the structure says so; scratch is aligned to MLUT_ALIGNMENT and
 * as large as the structure says. No function allocates, recurses or uses floating point.
 *
 * What only some layers need, a structure points to: the linker leaves out the rest. */
#ifndef MICROLUT_LAYER_H
#define MICROLUT_LAYER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Weights: `columns` indices per row, packed from the least significant bit of the row's first byte
 * on; a row starts on a byte. Index i ends at bit (i + 1) * bits and has index_bits bits: the lower
 * ones it has in common with those before it, or they are zeros. weight = codebook[index]. With 8
 * bits there is no codebook: the row holds the int8 weights themselves. If index_bits is 0, indices
 * are entropy-coded. See docs/reference/format.md. */
typedef struct mlut_weights {
    const uint8_t *indices;
    union {
        const int8_t *codebook;       /* 1 << index_bits levels; NULL with 8 bits */
        const struct mlut_code *code; /* if index_bits is 0 */
    };
    uint32_t row_bytes; /* of a group of rows at least, if indices are entropy-coded */
    uint8_t bits;       /* 2 to 8 */
    uint8_t index_bits; /* the same, or 6: with 2 to 4 bits in convolutions and dense layers; 0 */
} mlut_weights_t;

/* Entropy-coded indices, of convolutions and dense layers between int8 tensors. A group of 1 <<
 * group_shift rows starts at byte group * row_bytes + starts[group] of the indices. `table` has for
 * the next `width` bits, the first one the lowest, the weight and the length of its code, 1 to
 * `width`. Two bytes follow the last group. */
typedef struct mlut_code {
    const int8_t *table; /* 2 << width */
    const uint16_t *starts;
    uint32_t columns;
    uint8_t width; /* 1 to 8 */
    uint8_t group_shift;
} mlut_code_t;

/* Which form of the output stage a layer may take; all give TensorFlow Lite's results. The quick
 * ones need output limits of -128 and 127, shifts of -21 to -1, and sums below 2^30. */
#define MLUT_ROUND_ANY 0u      /* no conditions */
#define MLUT_ROUND_SIGNED 1u   /* quick */
#define MLUT_ROUND_POSITIVE 2u /* quick; and results below the zero point are limited to it */

/* How an accumulator becomes an int8: acc * input scale * weight scale / output scale. A channel
 * takes `words` words: its weight scale as a 16-bit floating-point number, and its bias, into which
 * -input_zero_point * sum(weights) is folded. With MLUT_WHOLE_WORDS it has its shift, multiplier
 * and bias instead, and the ratio is 0. See docs/reference/format.md. */
#define MLUT_WHOLE_WORDS 5u
typedef struct {
    uint64_t ratio; /* input scale / output scale: 52 bits, the first of them 1 */
    const uint16_t *channels;
    uint8_t words;      /* 2; 3 if the bias has 32 bits; or MLUT_WHOLE_WORDS */
    uint8_t bias_shift; /* what a 16-bit bias is shifted left by, less the scale's exponent */
    int8_t shift;       /* what the scale's exponent is added to */
    int8_t zero_point;
    int8_t minimum;
    int8_t maximum;
    uint8_t rounding; /* MLUT_ROUND_... */
} mlut_output_t;

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

/* A value of an int16 tensor. Arenas are words, to which it may be an alias. */
typedef int16_t mlut_int16_t __attribute__((may_alias));

/* A factor multiplier * 2^(shift - 31). */
typedef struct {
    int32_t multiplier;
    int8_t shift;
} mlut_factor_t;

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_LAYER_H */
