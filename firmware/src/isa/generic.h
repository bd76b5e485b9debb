/* Primitives in portable C, for every core without a faster variant. */
#ifndef MLUT_ISA_GENERIC_H
#define MLUT_ISA_GENERIC_H

#include "microlut/pair.h"
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
static inline uint32_t mlut_generic_halves(int32_t first, int32_t second)
{
    return (uint32_t)(uint16_t)first | (uint32_t)second << 16;
}

static inline uint32_t mlut_generic_even(uint32_t word)
{
    return mlut_generic_halves((int8_t)word, (int8_t)(word >> 16));
}

static inline uint32_t mlut_generic_odd(uint32_t word)
{
    return mlut_generic_halves((int8_t)(word >> 8), (int8_t)(word >> 24));
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

/* One multiplication makes two products: a pair of inputs is the number x0 + 2^16 x1, one of
 * weights w1 + 2^16 w0, so in 32 bits their product is x0 w1 + 2^16 (x0 w0 + x1 w1). The first term
 * is within 2^14, and rounding drops it. Weights are negative numbers: a sum of two products of
 * -128 and -128 does not fit into the upper half, but its opposite does. */
static inline uint32_t mlut_generic_pair(int32_t first, int32_t second)
{
#if MLUT_PAIR_HALVES
    return mlut_generic_halves(first, second);
#else
    return (uint32_t)first + ((uint32_t)second << 16);
#endif
}

static inline uint32_t mlut_generic_entry(int32_t first, int32_t second)
{
    return MLUT_PAIR(first, second);
}

static inline int32_t mlut_generic_dot2(uint32_t x, uint32_t entry, int32_t total)
{
#if MLUT_PAIR_HALVES
    return mlut_generic_mac2(x, entry, total);
#else
    return total - ((int32_t)(x * entry + UINT32_C(0x8000)) >> 16);
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
        *pairs++ = mlut_generic_pair(x[i], x[i + 1u]);
    }
    if (even < count) {
        *pairs = mlut_generic_pair(x[even], 0);
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
    to[0] = mlut_generic_pair((int8_t)upper, (int8_t)lower);
    to[1] = mlut_generic_pair((int8_t)(upper >> 8), (int8_t)(lower >> 8));
    to[2] = mlut_generic_pair((int8_t)(upper >> 16), (int8_t)(lower >> 16));
    to[3] = mlut_generic_pair((int8_t)(upper >> 24), (int8_t)(lower >> 24));
}

static inline void mlut_generic_put_entries(uint32_t first, uint32_t second, uint32_t *to)
{
    to[0] = MLUT_PAIR((int8_t)first, (int8_t)second);
    to[1] = MLUT_PAIR((int8_t)(first >> 8), (int8_t)(second >> 8));
    to[2] = MLUT_PAIR((int8_t)(first >> 16), (int8_t)(second >> 16));
    to[3] = MLUT_PAIR((int8_t)(first >> 24), (int8_t)(second >> 24));
}

enum { mlut_generic_row_scale = 1 };

static inline void mlut_generic_slide(
    const uint32_t *x, const uint32_t *taps, size_t count, int32_t totals[4])
{
    int32_t t0 = totals[0];
    int32_t t1 = totals[1];
    int32_t t2 = totals[2];
    int32_t t3 = totals[3];
    uint32_t upper = x[0];
    for (const uint32_t *const end = taps + 2u * MLUT_LANES * count; taps != end;) {
        x += MLUT_LANES;
        const uint32_t even = taps[0];
        const uint32_t odd = taps[MLUT_LANES];
        const uint32_t lower = x[0];
        t0 = mlut_generic_dot2(upper, even, t0);
        t1 = mlut_generic_dot2(upper, odd, t1);
        t2 = mlut_generic_dot2(lower, even, t2);
        t3 = mlut_generic_dot2(lower, odd, t3);
        upper = lower;
        taps += 2u * MLUT_LANES;
    }
    totals[0] = t0;
    totals[1] = t1;
    totals[2] = t2;
    totals[3] = t3;
}

/* The layout of tiles: of four values, the pairs (0, 2) and then (1, 3), as numbers. */
enum { mlut_generic_unaligned = 0 };

static inline mlut_span_t mlut_generic_span(const uint32_t *first, size_t quads)
{
    return mlut_span_of(first, quads, 1, 0);
}

/* Bytes 0 and 2 as the number b0 + 2^16 b2. */
static inline uint32_t mlut_generic_number(uint32_t four)
{
    const uint32_t signs = UINT32_C(0x00800080);
    return ((four & UINT32_C(0x00ff00ff)) ^ signs) - signs;
}

static inline uint32_t *mlut_generic_put_inputs(uint32_t four, uint32_t *column)
{
    column[0] = mlut_generic_number(four);
    column[MLUT_COLUMNS] = mlut_generic_number(four >> 8);
    return column + 2u * MLUT_COLUMNS;
}

static inline void mlut_generic_put_weights(
    int32_t a, int32_t b, int32_t c, int32_t d, size_t row, uint32_t *quad)
{
    quad[row] = 0u - (uint32_t)c - ((uint32_t)a << 16);
    quad[row + 2u] = 0u - (uint32_t)d - ((uint32_t)b << 16);
}

static inline void mlut_generic_put_bytes(uint32_t four, size_t row, uint32_t *quad)
{
    const uint32_t turned = four >> 16 | four << 16;
    quad[row] = 0u - mlut_generic_number(turned);
    quad[row + 2u] = 0u - mlut_generic_number(turned >> 8);
}

/* Adds the products of a pair of each column and of one row. */
static inline void mlut_generic_products(const uint32_t *x, uint32_t weights, int32_t sums[4])
{
    const uint32_t half = UINT32_C(0x8000);
    sums[0] -= (int32_t)(x[0] * weights + half) >> 16;
    sums[1] -= (int32_t)(x[1] * weights + half) >> 16;
    sums[2] -= (int32_t)(x[2] * weights + half) >> 16;
    sums[3] -= (int32_t)(x[3] * weights + half) >> 16;
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
        for (; x < columns->end; weights += 4, x += 2u * MLUT_COLUMNS) {
            mlut_generic_products(x, weights[0], sums);
            mlut_generic_products(x, weights[1], sums + 4);
            mlut_generic_products(x + MLUT_COLUMNS, weights[2], sums);
            mlut_generic_products(x + MLUT_COLUMNS, weights[3], sums + 4);
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
