/* Primitives for Arm cores with the DSP extension (Cortex-M4, M7, M33): two products an SMLAD. */
#ifndef MLUT_ISA_DSP_H
#define MLUT_ISA_DSP_H

#include "isa/generic.h"

#include <arm_acle.h>
#include <string.h>

/* Four int8 at any address as one word: a single LDR on these cores. */
static inline uint32_t mlut_dsp_load(const int8_t *from)
{
    uint32_t word;
    memcpy(&word, from, sizeof(word));
    return word;
}

static inline int16x2_t mlut_dsp_even(uint32_t word)
{
    return __sxtb16((int8x4_t)word);
}

static inline int16x2_t mlut_dsp_odd(uint32_t word)
{
#if defined(__arm__)
    /* GCC does not fold the rotation into SXTB16: doing it here saves a tenth of a convolution. */
    int16x2_t odd;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(odd) : "r"(word));
    return odd;
#else
    return __sxtb16((int8x4_t)((word >> 8) | (word << 24)));
#endif
}

/* total + the products of four int8, given the even and odd values of one operand. */
static inline int32_t mlut_dsp_mac4(
    int16x2_t even, int16x2_t odd, const int8_t *weights, int32_t total)
{
    const uint32_t word = mlut_dsp_load(weights);
    return __smlad(odd, mlut_dsp_odd(word), __smlad(even, mlut_dsp_even(word), total));
}

static inline int32_t mlut_dsp_dot(
    const int8_t *x, const int8_t *weights, size_t count, int32_t total)
{
    const size_t whole = count & ~(size_t)3;
    for (size_t i = 0; i < whole; i += 4) {
        const uint32_t word = mlut_dsp_load(x + i);
        total = mlut_dsp_mac4(mlut_dsp_even(word), mlut_dsp_odd(word), weights + i, total);
    }
    return mlut_generic_dot(x + whole, weights + whole, count - whole, total);
}

static inline void mlut_dsp_dot4(
    const int8_t *x, const int8_t *weights, size_t stride, size_t count, int32_t totals[4])
{
    const size_t whole = count & ~(size_t)3;
    const int8_t *w0 = weights;
    const int8_t *w1 = w0 + stride;
    const int8_t *w2 = w1 + stride;
    const int8_t *w3 = w2 + stride;
    int32_t t0 = totals[0];
    int32_t t1 = totals[1];
    int32_t t2 = totals[2];
    int32_t t3 = totals[3];
    for (size_t i = 0; i < whole; i += 4) {
        const uint32_t word = mlut_dsp_load(x + i);
        const int16x2_t even = mlut_dsp_even(word);
        const int16x2_t odd = mlut_dsp_odd(word);
        t0 = mlut_dsp_mac4(even, odd, w0 + i, t0);
        t1 = mlut_dsp_mac4(even, odd, w1 + i, t1);
        t2 = mlut_dsp_mac4(even, odd, w2 + i, t2);
        t3 = mlut_dsp_mac4(even, odd, w3 + i, t3);
    }
    totals[0] = t0;
    totals[1] = t1;
    totals[2] = t2;
    totals[3] = t3;
    mlut_generic_dot4(x + whole, weights + whole, stride, count - whole, totals);
}

#endif /* MLUT_ISA_DSP_H */
