/* The inverse square root of TensorFlow Lite's L2_NORMALIZATION, by Newton-Raphson steps in
 * gemmlowp's fixed point.
 * Qm.n is a 32-bit number with m integer and n fractional bits. */
#ifndef MLUT_INVERSE_ROOT_H
#define MLUT_INVERSE_ROOT_H

#include "fixed_point.h"
#include "microlut/layer.h"

#define MLUT_INVERSE_ROOT_ONE (INT32_C(1) << 28) /* 1, Q3.28 */
#define MLUT_INVERSE_ROOT_HALF_ROOT_2 1518500250 /* sqrt(2) / 2, Q0.31 */
#define MLUT_INVERSE_ROOT_LARGEST (INT32_C(1) << 29)
#define MLUT_INVERSE_ROOT_STEPS 5

static inline int32_t mlut_inverse_root_shift_left(int32_t x, unsigned bits)
{
    const int32_t limit = INT32_MAX >> bits;
    if (x > limit) {
        return INT32_MAX;
    }
    return x < -limit - 1 ? INT32_MIN : mlut_shift_left(x, bits);
}

/* 1 / sqrt(x) in Q3.28 for x in [1/4, 1), Q3.28. */
static inline int32_t mlut_inverse_root_newton(int32_t x)
{
    const int32_t half = mlut_rounding_shift(x, 1);
    int32_t y = MLUT_INVERSE_ROOT_ONE;
    for (int i = 0; i < MLUT_INVERSE_ROOT_STEPS; i++) {
        const int32_t cube = mlut_inverse_root_shift_left(mlut_high_mul(mlut_high_mul(y, y), y), 6);
        const int32_t more = mlut_high_mul(y, MLUT_INVERSE_ROOT_ONE + MLUT_INVERSE_ROOT_ONE / 2);
        y = mlut_inverse_root_shift_left(more - mlut_high_mul(cube, half), 3);
    }
    return y;
}

/* 1 / sqrt(x) as a factor, for x >= 0; 0 counts as 1. */
static inline mlut_factor_t mlut_inverse_root(int32_t x)
{
    mlut_factor_t factor = {INT32_MAX, 0};
    if (x <= 1) {
        return factor;
    }
    int right = 11;
    if (x >= MLUT_INVERSE_ROOT_LARGEST) {
        x /= 4;
        right++;
    }
    while (x < MLUT_INVERSE_ROOT_LARGEST / 4) {
        x *= 4;
        right--;
    }
    factor.multiplier =
        mlut_high_mul(mlut_inverse_root_newton(x >> 1), MLUT_INVERSE_ROOT_HALF_ROOT_2);
    if (right < 0) {
        factor.multiplier = mlut_shift_left(factor.multiplier, (unsigned)-right);
        right = 0;
    }
    factor.shift = (int8_t)-right;
    return factor;
}

#endif /* MLUT_INVERSE_ROOT_H */
