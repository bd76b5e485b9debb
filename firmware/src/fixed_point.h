/* 32-bit fixed point as gemmlowp and TensorFlow Lite define it, for the kernels. */
#ifndef MLUT_FIXED_POINT_H
#define MLUT_FIXED_POINT_H

#include <stdint.h>

/* round(a * b / 2^31), halves up; a and b are not both INT32_MIN (the converter makes b >= 0 or a
 * a constant). Equals gemmlowp's SaturatingRoundingDoublingHighMul. */
static inline int32_t mlut_high_mul(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
}

/* x / 2^exponent, rounded to nearest, halves away from zero; 0 <= exponent <= 31. */
static inline int32_t mlut_rounding_shift(int32_t x, unsigned exponent)
{
    const int32_t mask = (int32_t)((UINT32_C(1) << exponent) - 1u);
    const int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
    return (x >> exponent) + ((x & mask) > threshold ? 1 : 0);
}

/* x * 2^bits modulo 2^32; the detour keeps it defined. */
static inline int32_t mlut_shift_left(int32_t x, unsigned bits)
{
    return (int32_t)((uint32_t)x << bits);
}

/* x * multiplier * 2^(shift - 31) with double rounding; x * 2^shift is taken modulo 2^32. */
static inline int32_t mlut_multiply(int32_t x, int32_t multiplier, int shift)
{
    const unsigned left = shift > 0 ? (unsigned)shift : 0u;
    const unsigned right = shift > 0 ? 0u : (unsigned)-shift;
    return mlut_rounding_shift(mlut_high_mul(mlut_shift_left(x, left), multiplier), right);
}

static inline int8_t mlut_clamp_int8(int32_t x, int8_t minimum, int8_t maximum)
{
    const int32_t raised = x < minimum ? minimum : x;
    return (int8_t)(raised > maximum ? maximum : raised);
}

#endif /* MLUT_FIXED_POINT_H */
