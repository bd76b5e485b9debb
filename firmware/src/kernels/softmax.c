/* TensorFlow Lite's int8 softmax: exponential and reciprocal in gemmlowp's fixed point.
 * Qm.n is a 32-bit number with m integer and n fractional bits; the constants' formulas are beside
 * them. converter/microlut/interpreter/softmax.py computes the same in NumPy. */
#include "microlut/softmax.h"
#include "../fixed_point.h"

#define MLUT_SOFTMAX_EXP_MINUS_EIGHTH 1895147668    /* exp(-1/8), Q0.31 */
#define MLUT_SOFTMAX_ONE_THIRD 715827883            /* 1/3, Q0.31 */
#define MLUT_SOFTMAX_TWO_48_OVER_17 1515870810      /* 48/17, Q2.29 */
#define MLUT_SOFTMAX_MINUS_32_OVER_17 (-1010580540) /* -32/17, Q2.29 */
#define MLUT_SOFTMAX_SUM_INTEGER_BITS 12
#define MLUT_SOFTMAX_KEPT 16u /* exponentials that are not computed twice */

/* exp(-2^(i - 2)), Q0.31: the factors for bits 24 to 30 of a Q5.26 exponent. */
static const int32_t mlut_softmax_exp_factors[7] = {
    1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};

static int32_t mlut_softmax_saturating_shift_left(int32_t x, unsigned bits)
{
    const int32_t limit = INT32_MAX >> bits;
    if (x > limit) {
        return INT32_MAX;
    }
    return x < -limit - 1 ? INT32_MIN : mlut_shift_left(x, bits);
}

/* exp(a) for a in [-1/4, 0), both Q0.31: a Taylor series around -1/8. */
static int32_t mlut_softmax_exp_near_zero(int32_t a)
{
    const int32_t x = a + (INT32_C(1) << 28);
    const int32_t x2 = mlut_high_mul(x, x);
    const int32_t x3 = mlut_high_mul(x2, x);
    const int32_t x4_over_4 = mlut_rounding_shift(mlut_high_mul(x2, x2), 2);
    const int32_t third = mlut_high_mul(x4_over_4 + x3, MLUT_SOFTMAX_ONE_THIRD);
    const int32_t series = mlut_rounding_shift(third + x2, 1);
    return MLUT_SOFTMAX_EXP_MINUS_EIGHTH + mlut_high_mul(x + series, MLUT_SOFTMAX_EXP_MINUS_EIGHTH);
}

/* exp(a) in Q0.31 for a <= 0 in Q5.26. */
static int32_t mlut_softmax_exp_on_negative(int32_t a)
{
    const int32_t quarter = INT32_C(1) << 24;
    if (a == 0) {
        return INT32_MAX;
    }
    const int32_t fraction = (a & (quarter - 1)) - quarter;
    const int32_t remainder = fraction - a;
    int32_t result = mlut_softmax_exp_near_zero(mlut_softmax_saturating_shift_left(fraction, 5));
    for (unsigned i = 0; i < 7u; i++) {
        if ((remainder & (INT32_C(1) << (24u + i))) != 0) {
            result = mlut_high_mul(result, mlut_softmax_exp_factors[i]);
        }
    }
    return result;
}

/* 1 / (1 + a) in Q0.31 for a in [0, 1) in Q0.31: three Newton-Raphson steps. */
static int32_t mlut_softmax_one_over_one_plus(int32_t a)
{
    const int32_t half = (int32_t)(((int64_t)a + INT32_MAX + 1) >> 1);
    int32_t x = MLUT_SOFTMAX_TWO_48_OVER_17 + mlut_high_mul(half, MLUT_SOFTMAX_MINUS_32_OVER_17);
    for (int i = 0; i < 3; i++) {
        const int32_t error = (INT32_C(1) << 29) - mlut_high_mul(half, x);
        x += mlut_softmax_saturating_shift_left(mlut_high_mul(x, error), 2);
    }
    return mlut_softmax_saturating_shift_left(x, 1);
}

static unsigned mlut_softmax_leading_zeros(uint32_t x)
{
    unsigned count = 0;
    while ((x & UINT32_C(0x80000000)) == 0 && count < 32u) {
        x <<= 1;
        count++;
    }
    return count;
}

/* Of a value less the largest one; 0 where it is too small to count. */
static int32_t mlut_softmax_exponential(const mlut_softmax_t *layer, int32_t difference)
{
    if (difference < layer->minimum_difference) {
        return 0;
    }
    const int32_t shifted = mlut_shift_left(difference, layer->left_shift);
    return mlut_softmax_exp_on_negative(mlut_high_mul(shifted, layer->multiplier));
}

static void mlut_softmax_vector(const mlut_softmax_t *layer, const int8_t *in, int8_t *out)
{
    int32_t largest = INT8_MIN;
    for (size_t i = 0; i < layer->length; i++) {
        largest = in[i] > largest ? in[i] : largest;
    }
    int32_t kept[MLUT_SOFTMAX_KEPT];
    int32_t sum = 0; /* Q12.19 */
    for (size_t i = 0; i < layer->length; i++) {
        const int32_t exponential = mlut_softmax_exponential(layer, in[i] - largest);
        sum += mlut_rounding_shift(exponential, MLUT_SOFTMAX_SUM_INTEGER_BITS);
        if (i < MLUT_SOFTMAX_KEPT) {
            kept[i] = exponential;
        }
    }
    const unsigned headroom = mlut_softmax_leading_zeros((uint32_t)sum);
    const uint32_t mantissa = ((uint32_t)sum << headroom) - UINT32_C(0x80000000);
    const int32_t reciprocal = mlut_softmax_one_over_one_plus((int32_t)mantissa);
    const unsigned exponent = MLUT_SOFTMAX_SUM_INTEGER_BITS - headroom + 31u - 8u;
    for (size_t i = 0; i < layer->length; i++) {
        const int32_t exponential =
            i < MLUT_SOFTMAX_KEPT ? kept[i] : mlut_softmax_exponential(layer, in[i] - largest);
        const int32_t share = mlut_high_mul(reciprocal, exponential);
        /* With hundreds of equal shares, each one rounds to zero. */
        const int32_t value = exponent > 31u ? 0 : mlut_rounding_shift(share, exponent);
        out[i] = mlut_clamp_int8(INT8_MIN + value, INT8_MIN, INT8_MAX);
    }
}

void mlut_softmax(const mlut_softmax_t *layer, const int8_t *in, int8_t *out)
{
    for (size_t i = 0; i < layer->vectors; i++) {
        mlut_softmax_vector(layer, in + i * layer->length, out + i * layer->length);
    }
}
