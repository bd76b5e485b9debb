/* Primitives in portable C, for every core without a faster variant. */
#ifndef MLUT_ISA_GENERIC_H
#define MLUT_ISA_GENERIC_H

#include "microlut/dense.h"
#include "rows.h"
#include "span.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline int32_t mlut_generic_dot(
    const int8_t *x, const int8_t *weights, size_t count, int32_t total)
{
    for (size_t i = 0; i < count; i++) {
        total += (int32_t)x[i] * weights[i];
    }
    return total;
}

static inline void mlut_generic_four_dots(
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

static inline void mlut_generic_dot4(const int8_t *x,
    const int8_t *weights,
    size_t stride,
    size_t count,
    int32_t *totals,
    size_t fours)
{
    for (; fours > 0; fours--, weights += 4u * stride, totals += 4) {
        mlut_generic_four_dots(x, weights, stride, count, totals);
    }
}

/* Two int16 in one word, the first in the low half. */
static inline uint32_t mlut_generic_pair(int32_t first, int32_t second)
{
    return (uint32_t)(uint16_t)first | (uint32_t)second << 16;
}

static inline uint32_t mlut_generic_even(uint32_t word)
{
    return mlut_generic_pair((int8_t)word, (int8_t)(word >> 16));
}

static inline uint32_t mlut_generic_odd(uint32_t word)
{
    return mlut_generic_pair((int8_t)(word >> 8), (int8_t)(word >> 24));
}

static inline int32_t mlut_generic_high_add(int32_t a, int32_t b, int32_t c)
{
    return (int32_t)(((int64_t)a * b + (INT64_C(1) << 31)) >> 32) + c;
}

static inline int32_t mlut_generic_saturate(int32_t x)
{
    const int32_t raised = x < INT8_MIN ? INT8_MIN : x;
    return raised > INT8_MAX ? INT8_MAX : raised;
}

static inline int32_t mlut_generic_mac2(uint32_t a, uint32_t b, int32_t total)
{
    return total + (int16_t)a * (int16_t)b + ((int32_t)a >> 16) * ((int32_t)b >> 16);
}

/* An int16 of words. */
typedef int16_t mlut_half_t __attribute__((may_alias));

static inline uint32_t mlut_generic_entry(int32_t first, int32_t second)
{
    return MLUT_PAIR(first, second);
}

/* The pair that meets an entry. */
static inline uint32_t mlut_generic_widened(int32_t first, int32_t second)
{
#if MLUT_PAIR_HALVES
    return mlut_generic_pair(first, second);
#else
    return MLUT_PAIR(second, first);
#endif
}

/* (x1 + 2^16 x0) (w0 + 2^16 w1) is x1 w0 + 2^16 (x0 w0 + x1 w1) in 32 bits. The first term is
 * within 2^14, so rounding drops it; the sum is below 2^15, as no weight is -128. */
static inline int32_t mlut_generic_dot2(uint32_t x, uint32_t entry, int32_t total)
{
#if MLUT_PAIR_HALVES
    return mlut_generic_mac2(x, entry, total);
#else
    return total + ((int32_t)(x * entry + UINT32_C(0x8000)) >> 16);
#endif
}

static inline void mlut_generic_four_lookups(const uint8_t *indices,
    size_t stride,
    size_t count,
    const uint32_t *table,
    const uint32_t *x,
    int32_t totals[4])
{
    const uint8_t *p = indices;
    const uint8_t *q = p + stride;
    const uint8_t *r = q + stride;
    const uint8_t *s = r + stride;
    int32_t t0 = totals[0];
    int32_t t1 = totals[1];
    int32_t t2 = totals[2];
    int32_t t3 = totals[3];
    for (const uint8_t *const end = p + count; p != end; x++) {
        t0 = mlut_generic_dot2(*x, table[*p++], t0);
        t1 = mlut_generic_dot2(*x, table[*q++], t1);
        t2 = mlut_generic_dot2(*x, table[*r++], t2);
        t3 = mlut_generic_dot2(*x, table[*s++], t3);
    }
    totals[0] = t0;
    totals[1] = t1;
    totals[2] = t2;
    totals[3] = t3;
}

static inline void mlut_generic_lookup4(const uint8_t *indices,
    size_t stride,
    size_t count,
    const uint32_t *table,
    const uint32_t *x,
    int32_t *totals,
    size_t fours)
{
    for (; fours > 0; fours--, indices += 4u * stride, totals += 4) {
        mlut_generic_four_lookups(indices, stride, count, table, x, totals);
    }
}

static inline void mlut_generic_widen(const int8_t *x, size_t count, uint32_t *pairs)
{
    const size_t even = count & ~(size_t)1;
    for (size_t i = 0; i < even; i += 2) {
        *pairs++ = mlut_generic_widened(x[i], x[i + 1u]);
    }
    if (even < count) {
        *pairs = mlut_generic_widened(x[even], 0);
    }
}

/* With the top bits of `a` set and those of `b` cleared, their difference borrows from no other
 * byte, and a top bit stays where the lower seven bits of `a` are not smaller. Signs that differ
 * decide alone. */
static inline uint32_t mlut_generic_max4(uint32_t a, uint32_t b)
{
    const uint32_t tops = UINT32_C(0x80808080);
    const uint32_t left = (a | tops) - (b & ~tops);
    const uint32_t larger = ((~a & b) | (~(a ^ b) & left)) & tops;
    const uint32_t mask = (larger >> 7) * 255u;
    return b ^ ((a ^ b) & mask);
}

static inline void mlut_generic_put_pairs(uint32_t upper, uint32_t lower, uint32_t *to)
{
    uint8_t *half = (uint8_t *)__builtin_assume_aligned(to, 4);
    for (unsigned i = 0; i < 32u; i += 8u, half += 4) {
        const int16_t pair[2] = {(int8_t)(upper >> i), (int8_t)(lower >> i)};
        memcpy(__builtin_assume_aligned(half, 2), pair, 2);
        memcpy(__builtin_assume_aligned(half + 2, 2), pair + 1, 2);
    }
}

static inline void mlut_generic_slide(
    const uint32_t *x, const uint32_t *taps, size_t count, int32_t totals[4])
{
    const mlut_half_t *values = (const mlut_half_t *)x;
    const mlut_half_t *weights = (const mlut_half_t *)taps;
    int32_t t0 = totals[0];
    int32_t t1 = totals[1];
    int32_t t2 = totals[2];
    int32_t t3 = totals[3];
    int32_t before = 0; /* the weight before the pair */
    int32_t x0 = values[0];
    int32_t x1 = values[1];
    for (const mlut_half_t *const end = weights + 4u * MLUT_LANES * count; weights != end;) {
        values += 2u * MLUT_LANES;
        const int32_t x2 = values[0];
        const int32_t x3 = values[1];
        const int32_t first = weights[0];
        const int32_t second = weights[1];
        t0 += x0 * first + x1 * second;
        t1 += x0 * before + x1 * first;
        t2 += x2 * first + x3 * second;
        t3 += x2 * before + x3 * first;
        before = second;
        x0 = x2;
        x1 = x3;
        weights += 4u * MLUT_LANES;
    }
    totals[0] = t0;
    totals[1] = t1;
    totals[2] = t2;
    totals[3] = t3;
}

/* The plain layout of tiles, for cores that multiply one value at a time: inputs stay bytes, and
 * weights are int16, those of two rows side by side. */
enum { mlut_generic_column_words = 1, mlut_generic_input_offset = 0, mlut_generic_unaligned = 0 };

static inline mlut_span_t mlut_generic_span(const uint32_t *first, size_t quads)
{
    const mlut_span_t span = {0, first, first + quads * MLUT_COLUMNS};
    return span;
}

static inline uint32_t *mlut_generic_put_inputs(uint32_t four, uint32_t *column)
{
    column[0] = four;
    return column + MLUT_COLUMNS;
}

static inline void mlut_generic_put_weights(
    int32_t a, int32_t b, int32_t c, int32_t d, size_t row, uint32_t *quad)
{
    const int16_t four[4] = {(int16_t)a, (int16_t)b, (int16_t)c, (int16_t)d};
    uint8_t *to = (uint8_t *)__builtin_assume_aligned(quad, 4) + 2u * row;
    memcpy(__builtin_assume_aligned(to, 2), four, 2);
    memcpy(__builtin_assume_aligned(to + 4, 2), four + 1, 2);
    memcpy(__builtin_assume_aligned(to + 8, 2), four + 2, 2);
    memcpy(__builtin_assume_aligned(to + 12, 2), four + 3, 2);
}

static inline void mlut_generic_put_bytes(uint32_t four, size_t row, uint32_t *quad)
{
    mlut_generic_put_weights(
        (int8_t)four, (int8_t)(four >> 8), (int8_t)(four >> 16), (int8_t)(four >> 24), row, quad);
}

/* Adds the products of one value of each column and the weights of two rows. */
static inline void mlut_generic_products(
    const uint32_t *x, size_t i, uint32_t pair, int32_t sums[8])
{
    const int8_t *values = (const int8_t *)x + i;
    const int32_t upper = (int16_t)pair;
    const int32_t lower = (int32_t)pair >> 16;
    const int32_t a = values[0];
    const int32_t b = values[4];
    const int32_t c = values[8];
    const int32_t d = values[12];
    sums[0] += upper * a;
    sums[1] += upper * b;
    sums[2] += upper * c;
    sums[3] += upper * d;
    sums[4] += lower * a;
    sums[5] += lower * b;
    sums[6] += lower * c;
    sums[7] += lower * d;
}

static inline const uint32_t *mlut_generic_tile(const uint32_t *weights,
    const mlut_span_t *columns,
    const int32_t *biases,
    int32_t *totals,
    const int32_t *end)
{
    for (; totals != end; totals += 8, biases += 2u * MLUT_BIAS_STEP) {
        const int32_t upper = biases[0];
        const int32_t lower = biases[MLUT_BIAS_STEP];
        /* Registers, for no index is a variable. */
        int32_t sums[8] = {upper, upper, upper, upper, lower, lower, lower, lower};
        const uint32_t *x = columns->first;
        for (; x < columns->end; weights += 4, x += MLUT_COLUMNS) {
            for (size_t i = 0; i < 4u; i++) {
                mlut_generic_products(x, i, weights[i], sums);
            }
        }
        totals[0] = sums[0];
        totals[1] = sums[1];
        totals[2] = sums[2];
        totals[3] = sums[3];
        totals[4] = sums[4];
        totals[5] = sums[5];
        totals[6] = sums[6];
        totals[7] = sums[7];
    }
    return weights;
}

#endif /* MLUT_ISA_GENERIC_H */
