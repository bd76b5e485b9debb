/* Primitives for Arm cores with the DSP extension (Cortex-M4, M7, M33): two products an SMLAD. */
#ifndef MLUT_ISA_DSP_H
#define MLUT_ISA_DSP_H

#include "../small.h"
#include "generic.h"

#include <arm_acle.h>
#include <string.h>

/* Four int8 at any address as one word: a single LDR on these cores. */
static inline uint32_t mlut_dsp_load(const int8_t *from)
{
    uint32_t word;
    memcpy(&word, from, sizeof(word));
    return word;
}

static inline uint32_t mlut_dsp_even(uint32_t word)
{
    return (uint32_t)__sxtb16((int8x4_t)word);
}

static inline uint32_t mlut_dsp_odd(uint32_t word)
{
#if defined(__arm__)
    /* GCC does not fold the rotation into SXTB16: doing it here saves a tenth of a convolution. */
    uint32_t odd;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(odd) : "r"(word));
    return odd;
#else
    return (uint32_t)__sxtb16((int8x4_t)((word >> 8) | (word << 24)));
#endif
}

static inline uint32_t mlut_dsp_pair(int32_t first, int32_t second)
{
#if defined(__arm__)
    uint32_t pair; /* GCC takes two instructions */
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(pair) : "r"(first), "r"(second));
    return pair;
#else
    return mlut_generic_halves(first, second);
#endif
}

#define mlut_dsp_entry mlut_dsp_pair
#define mlut_dsp_put_entries mlut_dsp_put_pairs
#define mlut_dsp_dot2 mlut_dsp_mac2

/* Inputs and weights of tiles are pairs of int16: of four values, (0, 2) and then (1, 3). */
enum { mlut_dsp_unaligned = 1 };

/* Code bytes of the products of a quad. */
#define MLUT_DSP_QUAD_CODE 88u

/* Quads of the loop. */
#define MLUT_DSP_UNROLLED (MLUT_SMALL ? 1u : 8u)

static inline mlut_span_t mlut_dsp_span(const uint32_t *first, size_t quads)
{
    return mlut_span_of(first, quads, MLUT_DSP_UNROLLED, MLUT_DSP_QUAD_CODE);
}

static inline uint32_t *mlut_dsp_put_inputs(uint32_t four, uint32_t *column)
{
    column[0] = mlut_dsp_even(four);
    column[MLUT_COLUMNS] = mlut_dsp_odd(four);
    return column + 2u * MLUT_COLUMNS;
}

static inline void mlut_dsp_put_weights(
    int32_t a, int32_t b, int32_t c, int32_t d, size_t row, uint32_t *quad)
{
    quad[row] = mlut_generic_halves(a, c);
    quad[row + 2u] = mlut_generic_halves(b, d);
}

static inline void mlut_dsp_put_bytes(uint32_t four, size_t row, uint32_t *quad)
{
    quad[row] = mlut_dsp_even(four);
    quad[row + 2u] = mlut_dsp_odd(four);
}

static inline uint32_t mlut_dsp_max4(uint32_t a, uint32_t b)
{
#if defined(__arm__)
    uint32_t larger; /* SEL reads what SSUB8 found, so nothing may come between them */
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(larger) : "r"(a), "r"(b) : "cc");
    return larger;
#else
    return mlut_generic_max4(a, b);
#endif
}

static inline void mlut_dsp_put_pairs(uint32_t upper, uint32_t lower, uint32_t *to)
{
    const uint32_t upper_even = mlut_dsp_even(upper);
    const uint32_t lower_even = mlut_dsp_even(lower);
    const uint32_t upper_odd = mlut_dsp_odd(upper);
    const uint32_t lower_odd = mlut_dsp_odd(lower);
    to[0] = (upper_even & 0xffffu) | lower_even << 16;
    to[1] = (upper_odd & 0xffffu) | lower_odd << 16;
    to[2] = upper_even >> 16 | (lower_even & 0xffff0000u);
    to[3] = upper_odd >> 16 | (lower_odd & 0xffff0000u);
}

enum { mlut_dsp_row_scale = 2 };

static inline int32_t mlut_dsp_mac2(uint32_t a, uint32_t b, int32_t total)
{
    return __smlad((int16x2_t)a, (int16x2_t)b, total);
}

static inline void mlut_dsp_slide(
    const uint32_t *x, const uint32_t *taps, size_t count, int32_t totals[4])
{
    int32_t t0 = totals[0];
    int32_t t1 = totals[1];
    int32_t t2 = totals[2];
    int32_t t3 = totals[3];
    uint32_t upper = x[0];
#pragma GCC unroll 2
    for (const uint32_t *const end = taps + 2u * MLUT_LANES * count; taps != end;) {
        x += MLUT_LANES;
        const uint32_t even = taps[0];
        const uint32_t odd = taps[MLUT_LANES];
        const uint32_t lower = x[0];
        t0 = mlut_dsp_mac2(upper, even, t0);
        t1 = mlut_dsp_mac2(upper, odd, t1);
        t2 = mlut_dsp_mac2(lower, even, t2);
        t3 = mlut_dsp_mac2(lower, odd, t3);
        upper = lower;
        taps += 2u * MLUT_LANES;
    }
    totals[0] = t0;
    totals[1] = t1;
    totals[2] = t2;
    totals[3] = t3;
}

static inline uint32_t mlut_dsp_add2(uint32_t a, uint32_t b)
{
    return (uint32_t)__sadd16((int16x2_t)a, (int16x2_t)b);
}

static inline uint32_t mlut_dsp_sub2(uint32_t a, uint32_t b)
{
    return (uint32_t)__ssub16((int16x2_t)a, (int16x2_t)b);
}

/* total + the products of four int8, given the even and odd values of one operand. */
static inline int32_t mlut_dsp_mac4(
    uint32_t even, uint32_t odd, const int8_t *weights, int32_t total)
{
    const uint32_t word = mlut_dsp_load(weights);
    return mlut_dsp_mac2(odd, mlut_dsp_odd(word), mlut_dsp_mac2(even, mlut_dsp_even(word), total));
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

#include "dsp_dense.h"

#if defined(__arm__)
static inline int32_t mlut_dsp_saturate(int32_t x)
{
    int32_t nearest; /* GCC 12 gives __ssat unsigned parameters, which warn */
    __asm__("ssat %0, #8, %1" : "=r"(nearest) : "r"(x));
    return nearest;
}

static inline int32_t mlut_dsp_high_add(int32_t a, int32_t b, int32_t c)
{
    int32_t high; /* ACLE's __smmlar is missing in GCC 12 */
    __asm__("smmlar %0, %1, %2, %3" : "=r"(high) : "r"(a), "r"(b), "r"(c));
    return high;
}

/* One pair of two rows by four columns: 16 products in 11 instructions. */
#define MLUT_DSP_PAIR                                                                              \
    "ldrd r8, r9, [r12], #8\n\t"                                                                   \
    "ldrd r10, r11, [lr], #8\n\t"                                                                  \
    "smlad r0, r8, r10, r0\n\t"                                                                    \
    "smlad r4, r9, r10, r4\n\t"                                                                    \
    "smlad r1, r8, r11, r1\n\t"                                                                    \
    "smlad r5, r9, r11, r5\n\t"                                                                    \
    "ldrd r10, r11, [lr], #8\n\t"                                                                  \
    "smlad r2, r8, r10, r2\n\t"                                                                    \
    "smlad r6, r9, r10, r6\n\t"                                                                    \
    "smlad r3, r8, r11, r3\n\t"                                                                    \
    "smlad r7, r9, r11, r7\n\t"

/* Eight accumulators (r0 to r7), two pointers and four operands take all 14 registers. A compiler
 * has fewer to give: at -O0, with a frame pointer or a register that is kept free. So this is a
 * function that saves them itself, and no option is in its way. The loop is entered where the quads
 * that are left over begin: the NOP makes the first one start where PC reads as. */
static MLUT_NAKED const uint32_t *mlut_dsp_tile(MLUT_UNUSED const uint32_t *weights,
    MLUT_UNUSED const mlut_span_t *columns,
    MLUT_UNUSED const int32_t *biases,
    MLUT_UNUSED int32_t *totals,
    MLUT_UNUSED const int32_t *end)
{
    __asm__ volatile("push {r4-r11, lr}\n\t"
                     "mov r12, r0\n\t"
                     "ldm r1, {r4-r6}\n\t" /* the span */
                     "mov r7, r3\n\t"
                     "ldr r8, [sp, #36]\n\t"
                     "push {r2, r4-r8}\n"
                     "1:\tldm sp, {r8, r9, lr}\n\t"
                     "ldr r0, [r8], #16\n\t"
                     "ldr r4, [r8], #16\n\t"
                     "str r8, [sp]\n\t"
                     "mov r1, r0\n\t"
                     "mov r2, r0\n\t"
                     "mov r3, r0\n\t"
                     "mov r5, r4\n\t"
                     "mov r6, r4\n\t"
                     "mov r7, r4\n\t"
                     "add pc, r9\n\t"
                     "nop\n"
                     "2:\t.rept %c[pairs]\n\t" MLUT_DSP_PAIR ".endr\n\t"
                     "ldr r8, [sp, #12]\n\t"
                     "cmp lr, r8\n\t"
                     "bne 2b\n\t"
                     "ldrd r8, r9, [sp, #16]\n\t"
                     "stm r8!, {r0-r7}\n\t"
                     "str r8, [sp, #16]\n\t"
                     "cmp r8, r9\n\t"
                     "bne 1b\n\t"
                     "mov r0, r12\n\t"
                     "add sp, #24\n\t"
                     "pop {r4-r11, pc}" ::[pairs] "i"(2u * MLUT_DSP_UNROLLED)
        : "memory");
}

#define MLUT_ISA_ROWS 1
#include "dsp_rows.h"
#else

static inline int32_t mlut_dsp_saturate(int32_t x)
{
    return mlut_generic_saturate(x);
}

static inline int32_t mlut_dsp_high_add(int32_t a, int32_t b, int32_t c)
{
    return mlut_generic_high_add(a, b, c);
}

static inline const uint32_t *mlut_dsp_tile(const uint32_t *weights,
    const mlut_span_t *columns,
    const int32_t *biases,
    int32_t *totals,
    const int32_t *end)
{
    for (; totals != end; totals += 8, biases += 2u * MLUT_BIAS_STEP) {
        for (size_t c = 0; c < 8u; c++) {
            totals[c] = biases[c / MLUT_COLUMNS * MLUT_BIAS_STEP];
        }
        const uint32_t *x = columns->first;
        for (; x < columns->end; weights += 2, x += MLUT_COLUMNS) {
            for (size_t c = 0; c < MLUT_COLUMNS; c++) {
                totals[c] = mlut_dsp_mac2(weights[0], x[c], totals[c]);
                totals[c + 4u] = mlut_dsp_mac2(weights[1], x[c], totals[c + 4u]);
            }
        }
    }
    return weights;
}
#endif

#endif /* MLUT_ISA_DSP_H */
