/* Primitives for Arm cores with Thumb-2 but without the DSP extension (Cortex-M3). */
#ifndef MLUT_ISA_V7M_H
#define MLUT_ISA_V7M_H

#include "../small.h"
#include "four_rows.h"
#include "generic.h"

#define mlut_v7m_dot mlut_generic_dot
#define mlut_v7m_dot4 mlut_generic_dot4
#define mlut_v7m_widen mlut_generic_widen
#define mlut_v7m_entry mlut_generic_entry
#define mlut_v7m_dot2 mlut_generic_dot2
#define mlut_v7m_even mlut_generic_even
#define mlut_v7m_odd mlut_generic_odd
#define mlut_v7m_max4 mlut_generic_max4
#define mlut_v7m_pair mlut_generic_pair
#define mlut_v7m_put_pairs mlut_generic_put_pairs
#define mlut_v7m_put_entries mlut_generic_put_entries
#define mlut_v7m_row_scale mlut_generic_row_scale
#define mlut_v7m_slide mlut_generic_slide
#define mlut_v7m_put_inputs mlut_generic_put_inputs
#define mlut_v7m_put_weights mlut_generic_put_weights
#define mlut_v7m_put_bytes mlut_generic_put_bytes

enum { mlut_v7m_unaligned = 1 };

static inline int32_t mlut_v7m_saturate(int32_t x)
{
    int32_t nearest;
    __asm__("ssat %0, #8, %1" : "=r"(nearest) : "r"(x));
    return nearest;
}

static inline int32_t mlut_v7m_high_add(int32_t a, int32_t b, int32_t c)
{
    int32_t low, high;
    __asm__("smull %[l], %[h], %[a], %[b]\n\t"
            "lsls %[l], %[l], #1\n\t" /* bit 31 is the carry */
            "adc %[h], %[h], %[c]"
        : [l] "=&r"(low), [h] "=&r"(high)
        : [a] "r"(a), [b] "r"(b), [c] "r"(c)
        : "cc");
    return high;
}

/* Two rows' pairs times the one in r9; r12 rounds. */
#define MLUT_V7M_TWO_PRODUCTS(sum_0, sum_1)                                                        \
    "ldr r10, [r3, r10, lsl #2]\n\t"                                                               \
    "ldr r11, [r3, r11, lsl #2]\n\t"                                                               \
    "mla r10, r9, r10, r12\n\t"                                                                    \
    "mla r11, r9, r11, r12\n\t"                                                                    \
    "sub " sum_0 ", " sum_0 ", r10, asr #16\n\t"                                                   \
    "sub " sum_1 ", " sum_1 ", r11, asr #16\n\t"

/* A pair of every row; row 0's pointer moves on. */
#define MLUT_V7M_LOOKUP                                                                            \
    "ldr r9, [r4], #4\n\t"                                                                         \
    "ldrb r10, [r0, r1]\n\t"                                                                       \
    "ldrb r11, [r0, r1, lsl #1]\n\t" MLUT_V7M_TWO_PRODUCTS(                                        \
        "r6", "r7") "ldrb r10, [r0, r2]\n\t"                                                       \
                    "ldrb r11, [r0], #1\n\t" MLUT_V7M_TWO_PRODUCTS("r8", "r5")

static MLUT_NAKED void mlut_v7m_lookup4(MLUT_UNUSED const uint8_t *indices,
    MLUT_UNUSED size_t stride,
    MLUT_UNUSED size_t count,
    MLUT_UNUSED const uint32_t *table,
    MLUT_UNUSED const uint32_t *x,
    MLUT_UNUSED int32_t *totals,
    MLUT_UNUSED size_t fours)
{
    __asm__ volatile(MLUT_FOUR_ROWS("r4", "mov r12, #0x8000\n\t", MLUT_V7M_LOOKUP, 1u));
}

/* A pair of two rows by that of a column. */
#define MLUT_V7M_COLUMN(upper, lower)                                                              \
    "ldr r10, [lr], #4\n\t"                                                                        \
    "mla r12, r8, r10, r11\n\t"                                                                    \
    "mla r10, r9, r10, r11\n\t"                                                                    \
    "sub " upper ", " upper ", r12, asr #16\n\t"                                                   \
    "sub " lower ", " lower ", r10, asr #16\n\t"

/* Two rows by four columns of a pair. */
#define MLUT_V7M_PAIR                                                                              \
    "ldr r12, [sp]\n\t"                                                                            \
    "ldrd r8, r9, [r12], #8\n\t"                                                                   \
    "str r12, [sp]\n\t" MLUT_V7M_COLUMN("r0", "r4") MLUT_V7M_COLUMN("r1", "r5")                    \
        MLUT_V7M_COLUMN("r2", "r6") MLUT_V7M_COLUMN("r3", "r7")

/* Code bytes of a quad. */
#define MLUT_V7M_QUAD_CODE 184u

/* Quads of the loop. */
#define MLUT_V7M_UNROLLED (MLUT_SMALL ? 1u : 4u)

static inline mlut_span_t mlut_v7m_span(const uint32_t *first, size_t quads)
{
    return mlut_span_of(first, quads, MLUT_V7M_UNROLLED, MLUT_V7M_QUAD_CODE);
}

/* All 14 registers are taken, as in mlut_dsp_tile, which is made in the same way; r11 rounds. On
 * the stack are the weights and the biases, the span, the totals and their end. */
static MLUT_NAKED const uint32_t *mlut_v7m_tile(MLUT_UNUSED const uint32_t *weights,
    MLUT_UNUSED const mlut_span_t *columns,
    MLUT_UNUSED const int32_t *biases,
    MLUT_UNUSED int32_t *totals,
    MLUT_UNUSED const int32_t *end)
{
    __asm__ volatile("push {r4-r11, lr}\n\t"
                     "ldm r1, {r4-r6}\n\t" /* the span */
                     "mov r7, r3\n\t"
                     "ldr r8, [sp, #36]\n\t"
                     "push {r0, r2, r4, r5, r6, r7, r8}\n\t"
                     "mov r11, #0x8000\n"
                     "1:\tldr r8, [sp, #4]\n\t"
                     "ldrd r9, lr, [sp, #8]\n\t"
                     "ldr r0, [r8], #16\n\t"
                     "ldr r4, [r8], #16\n\t"
                     "str r8, [sp, #4]\n\t"
                     "mov r1, r0\n\t"
                     "mov r2, r0\n\t"
                     "mov r3, r0\n\t"
                     "mov r5, r4\n\t"
                     "mov r6, r4\n\t"
                     "mov r7, r4\n\t"
                     "add pc, r9\n\t"
                     "nop\n"
                     "2:\t.rept %c[pairs]\n\t" MLUT_V7M_PAIR ".endr\n\t"
                     "ldr r8, [sp, #16]\n\t"
                     "cmp lr, r8\n\t"
                     "bne 2b\n\t"
                     "ldrd r8, r9, [sp, #20]\n\t"
                     "stm r8!, {r0-r7}\n\t"
                     "str r8, [sp, #20]\n\t"
                     "cmp r8, r9\n\t"
                     "bne 1b\n\t"
                     "ldr r0, [sp]\n\t"
                     "add sp, #28\n\t"
                     "pop {r4-r11, pc}" ::[pairs] "i"(2u * MLUT_V7M_UNROLLED)
        : "memory");
}

#endif /* MLUT_ISA_V7M_H */
