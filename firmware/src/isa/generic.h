/* Primitives in portable C, for every core without a faster variant. */
#ifndef MLUT_ISA_GENERIC_H
#define MLUT_ISA_GENERIC_H

#include <stddef.h>
#include <stdint.h>

static inline int32_t mlut_generic_dot(
    const int8_t *x, const int8_t *weights, size_t count, int32_t total)
{
    for (size_t i = 0; i < count; i++) {
        total += (int32_t)x[i] * weights[i];
    }
    return total;
}

static inline void mlut_generic_dot4(
    const int8_t *x, const int8_t *weights, size_t stride, size_t count, int32_t totals[4])
{
    const int8_t *w0 = weights;
    const int8_t *w1 = w0 + stride;
    const int8_t *w2 = w1 + stride;
    const int8_t *w3 = w2 + stride;
    int32_t t0 = totals[0];
    int32_t t1 = totals[1];
    int32_t t2 = totals[2];
    int32_t t3 = totals[3];
    for (size_t i = 0; i < count; i++) {
        const int32_t value = x[i];
        t0 += value * w0[i];
        t1 += value * w1[i];
        t2 += value * w2[i];
        t3 += value * w3[i];
    }
    totals[0] = t0;
    totals[1] = t1;
    totals[2] = t2;
    totals[3] = t3;
}

#endif /* MLUT_ISA_GENERIC_H */
