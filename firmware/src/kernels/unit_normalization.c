/* TensorFlow Lite's L2_NORMALIZATION in int8: the sum of squares is exact, its inverse square root
 * is found by Newton-Raphson steps in gemmlowp's fixed point.
 * Qm.n is a 32-bit number with m integer and n fractional bits. */
#include "microlut/unit_normalization.h"
#include "../fixed_point.h"

#define MLUT_UNIT_NORMALIZATION_ONE (INT32_C(1) << 28) /* 1, Q3.28 */
#define MLUT_UNIT_NORMALIZATION_HALF_ROOT_2 1518500250 /* sqrt(2) / 2, Q0.31 */
#define MLUT_UNIT_NORMALIZATION_LARGEST (INT32_C(1) << 29)
#define MLUT_UNIT_NORMALIZATION_STEPS 5
#define MLUT_UNIT_NORMALIZATION_OUTPUT_BITS 7 /* after the point */

static int32_t mlut_unit_normalization_saturating_shift_left(int32_t x, unsigned bits)
{
    const int32_t limit = INT32_MAX >> bits;
    if (x > limit) {
        return INT32_MAX;
    }
    return x < -limit - 1 ? INT32_MIN : mlut_shift_left(x, bits);
}

/* 1 / sqrt(x) in Q3.28 for x in [1/4, 1), Q3.28. */
static int32_t mlut_unit_normalization_newton(int32_t x)
{
    const int32_t half = mlut_rounding_shift(x, 1);
    int32_t y = MLUT_UNIT_NORMALIZATION_ONE;
    for (int i = 0; i < MLUT_UNIT_NORMALIZATION_STEPS; i++) {
        const int32_t cube =
            mlut_unit_normalization_saturating_shift_left(mlut_high_mul(mlut_high_mul(y, y), y), 6);
        const int32_t more =
            mlut_high_mul(y, MLUT_UNIT_NORMALIZATION_ONE + MLUT_UNIT_NORMALIZATION_ONE / 2);
        y = mlut_unit_normalization_saturating_shift_left(more - mlut_high_mul(cube, half), 3);
    }
    return y;
}

/* 1 / sqrt(x) as a factor, for x >= 0; 0 counts as 1. */
static mlut_factor_t mlut_unit_normalization_inverse_root(int32_t x)
{
    mlut_factor_t factor = {INT32_MAX, 0};
    if (x <= 1) {
        return factor;
    }
    int right = 11;
    if (x >= MLUT_UNIT_NORMALIZATION_LARGEST) {
        x /= 4;
        right++;
    }
    while (x < MLUT_UNIT_NORMALIZATION_LARGEST / 4) {
        x *= 4;
        right--;
    }
    factor.multiplier =
        mlut_high_mul(mlut_unit_normalization_newton(x >> 1), MLUT_UNIT_NORMALIZATION_HALF_ROOT_2);
    if (right < 0) {
        factor.multiplier = mlut_shift_left(factor.multiplier, (unsigned)-right);
        right = 0;
    }
    factor.shift = (int8_t)-right;
    return factor;
}

static void mlut_unit_normalization_vector(
    const mlut_unit_normalization_t *layer, const int8_t *in, int8_t *out)
{
    int32_t squares = 0;
    for (size_t i = 0; i < layer->length; i++) {
        const int32_t value = in[i] - layer->input_zero_point;
        squares += value * value;
    }
    const mlut_factor_t factor = mlut_unit_normalization_inverse_root(squares);
    const int shift = factor.shift + MLUT_UNIT_NORMALIZATION_OUTPUT_BITS;
    for (size_t i = 0; i < layer->length; i++) {
        const int32_t value = in[i] - layer->input_zero_point;
        out[i] =
            mlut_clamp_int8(mlut_multiply(value, factor.multiplier, shift), INT8_MIN, INT8_MAX);
    }
}

void mlut_unit_normalization(const mlut_unit_normalization_t *layer, const int8_t *in, int8_t *out)
{
    for (size_t i = 0; i < layer->vectors; i++) {
        const size_t offset = i * layer->length;
        mlut_unit_normalization_vector(layer, in + offset, out + offset);
    }
}
