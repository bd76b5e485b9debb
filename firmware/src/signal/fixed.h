/* Fixed point of front ends: products of 32 and 16 bits, logarithms, roots, rescaling. */
#ifndef MLUT_SIGNAL_FIXED_H
#define MLUT_SIGNAL_FIXED_H

#include "microlut/rescale.h"

#include <stdint.h>

/* x * w / 2^16, rounded down. */
static inline int32_t mlut_times(int32_t x, int16_t w)
{
#if defined(__ARM_FEATURE_DSP) && !defined(MLUT_PORTABLE) && defined(__arm__)
    int32_t product;
    __asm__("smulwb %0, %1, %2" : "=r"(product) : "r"(x), "r"((int32_t)w));
    return product;
#elif defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
    /* Without a long product: both halves of x by themselves. */
    return (x >> 16) * w + (((int32_t)((uint32_t)x & 0xffffu) * w) >> 16);
#else
    return (int32_t)(((int64_t)x * w) >> 16);
#endif
}

/* The number of the highest bit of x, which is not 0. */
static inline unsigned mlut_high_bit(uint64_t x)
{
    unsigned bit = 0;
    for (unsigned step = 32u; step > 0; step >>= 1) {
        if (x >> step != 0u) {
            x >>= step;
            bit += step;
        }
    }
    return bit;
}

/* x * 2^left, where left may be negative; bits below 1 are lost. */
static inline uint64_t mlut_shifted(uint64_t x, int left)
{
    return left >= 0 ? x << left : x >> -left;
}

static inline int8_t mlut_rescale(const mlut_rescale_t *stage, int32_t x, int8_t zero_point)
{
    const int64_t product = ((int64_t)x - stage->origin) * stage->multiplier;
    const int64_t whole = (product + (INT64_C(1) << (stage->shift - 1))) >> stage->shift;
    const int64_t value = whole + zero_point;
    return (int8_t)(value < INT8_MIN ? INT8_MIN : value > INT8_MAX ? INT8_MAX : value);
}

#endif /* MLUT_SIGNAL_FIXED_H */
