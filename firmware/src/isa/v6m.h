/* Primitives for Arm cores with 16-bit Thumb code (Cortex-M0, M0+). */
#ifndef MLUT_ISA_V6M_H
#define MLUT_ISA_V6M_H

#include "generic.h"

#define mlut_v6m_dot mlut_generic_dot
#define mlut_v6m_dot4 mlut_generic_dot4
#define mlut_v6m_widen mlut_generic_widen
#define mlut_v6m_pair mlut_generic_pair
#define mlut_v6m_even mlut_generic_even
#define mlut_v6m_odd mlut_generic_odd
#define mlut_v6m_mac2 mlut_generic_mac2
#define mlut_v6m_saturate mlut_generic_saturate
#define mlut_v6m_max4 mlut_generic_max4
#define mlut_v6m_put_pairs mlut_generic_put_pairs
#define mlut_v6m_slide mlut_generic_slide
#define mlut_v6m_span mlut_generic_span
#define mlut_v6m_put_weights mlut_generic_put_weights
#define mlut_v6m_put_bytes mlut_generic_put_bytes

/* Only unsigned bytes load at a constant distance, so the tiles' inputs are raised by 128. */
enum { mlut_v6m_column_words = 1, mlut_v6m_input_offset = 128, mlut_v6m_unaligned = 0 };

static inline uint32_t *mlut_v6m_put_inputs(uint32_t four, uint32_t *column)
{
    column[0] = four ^ UINT32_C(0x80808080);
    return column + MLUT_COLUMNS;
}

/* Signed halves take an address of their own to load, so whole pairs are loaded and taken apart. */
static inline void mlut_v6m_lookup4(const uint8_t *indices,
    size_t stride,
    size_t count,
    const uint32_t *table,
    const uint32_t *x,
    int32_t *totals,
    size_t fours)
{
    for (; fours > 0; fours--, indices += 4u * stride, totals += 4) {
        const uint8_t *p = indices;
        const uint8_t *q = p + stride;
        const uint8_t *r = q + stride;
        const uint8_t *s = r + stride;
        int32_t t0 = totals[0];
        int32_t t1 = totals[1];
        int32_t t2 = totals[2];
        int32_t t3 = totals[3];
        const uint32_t *in = x;
        for (const uint8_t *const end = p + count; p != end; in++) {
            t0 = mlut_generic_mac2(*in, table[*p++], t0);
            t1 = mlut_generic_mac2(*in, table[*q++], t1);
            t2 = mlut_generic_mac2(*in, table[*r++], t2);
            t3 = mlut_generic_mac2(*in, table[*s++], t3);
        }
        totals[0] = t0;
        totals[1] = t1;
        totals[2] = t2;
        totals[3] = t3;
    }
}

/* From products of halves, which fit: the library's 64-bit product takes twice as long. */
static inline int32_t mlut_v6m_high_add(int32_t a, int32_t b, int32_t c)
{
    const int32_t a_low = (int32_t)((uint32_t)a & 0xffffu);
    const int32_t b_low = (int32_t)((uint32_t)b & 0xffffu);
    const int32_t a_high = a >> 16;
    const int32_t b_high = b >> 16;
    const uint32_t low = (uint32_t)a_low * (uint32_t)b_low;
    const int32_t middle = a_high * b_low + (int32_t)(low >> 16);
    const int32_t other = a_low * b_high + (int32_t)((uint32_t)middle & 0xffffu);
    return a_high * b_high + (middle >> 16) + (((other >> 15) + 1) >> 1) + c;
}

/* One value of a column times those of two rows. */
#define MLUT_V6M_COLUMN(at, t0, t4)                                                                \
    "ldrb r4, [r0, #" at "]\n\t"                                                                   \
    "movs r5, r4\n\t"                                                                              \
    "muls r5, r3\n\t"                                                                              \
    "add " t0 ", r5\n\t"                                                                           \
    "muls r4, r2\n\t"                                                                              \
    "add " t4 ", r4\n\t"
#define MLUT_V6M_VALUE(x0, x1, x2, x3)                                                             \
    "ldmia r1!, {r2}\n\t"                                                                          \
    "sxth r3, r2\n\t"                                                                              \
    "asrs r2, r2, #16\n\t" MLUT_V6M_COLUMN(x0, "r6", "r10") MLUT_V6M_COLUMN(x1, "r7", "r11")       \
        MLUT_V6M_COLUMN(x2, "r8", "r12") MLUT_V6M_COLUMN(x3, "r9", "lr")

/* All 14 registers are taken, as in mlut_dsp_tile, which is made in the same way. On the stack are
 * the biases, totals, and end, and of the columns the end and the first. */
static MLUT_NAKED const uint32_t *mlut_v6m_tile(MLUT_UNUSED const uint32_t *weights,
    MLUT_UNUSED const mlut_span_t *columns,
    MLUT_UNUSED const int32_t *biases,
    MLUT_UNUSED int32_t *totals,
    MLUT_UNUSED const int32_t *end)
{
    __asm__ volatile(".syntax unified\n\t"
                     "push {r4-r7, lr}\n\t"
                     "mov r4, r8\n\t"
                     "mov r5, r9\n\t"
                     "mov r6, r10\n\t"
                     "mov r7, r11\n\t"
                     "push {r4-r7}\n\t"
                     "ldr r4, [sp, #36]\n\t"
                     "ldr r6, [r1, #4]\n\t"
                     "ldr r5, [r1, #8]\n\t"
                     "push {r2-r6}\n\t"
                     "mov r1, r0\n"
                     "1:\tldr r0, [sp]\n\t"
                     "ldr r6, [r0]\n\t"
                     "ldr r5, [r0, #16]\n\t"
                     "adds r0, #32\n\t"
                     "str r0, [sp]\n\t"
                     "ldr r0, [sp, #16]\n\t"
                     "mov r7, r6\n\t"
                     "mov r8, r6\n\t"
                     "mov r9, r6\n\t"
                     "mov r10, r5\n\t"
                     "mov r11, r5\n\t"
                     "mov r12, r5\n\t"
                     "mov lr, r5\n"
                     "2:\t" MLUT_V6M_VALUE("0", "4", "8", "12") MLUT_V6M_VALUE("1", "5", "9", "13")
                         MLUT_V6M_VALUE("2", "6", "10", "14")
                             MLUT_V6M_VALUE("3", "7", "11", "15") "ldr r2, [sp, #12]\n\t"
                                                                  "adds r0, #16\n\t"
                                                                  "cmp r0, r2\n\t"
                                                                  "bne 2b\n\t"
                                                                  "ldr r2, [sp, #4]\n\t"
                                                                  "ldr r3, [sp, #8]\n\t"
                                                                  "mov r4, r8\n\t"
                                                                  "mov r5, r9\n\t"
                                                                  "stmia r2!, {r6, r7}\n\t"
                                                                  "stmia r2!, {r4, r5}\n\t"
                                                                  "mov r4, r10\n\t"
                                                                  "mov r5, r11\n\t"
                                                                  "mov r6, r12\n\t"
                                                                  "mov r7, lr\n\t"
                                                                  "stmia r2!, {r4-r7}\n\t"
                                                                  "str r2, [sp, #4]\n\t"
                                                                  "cmp r2, r3\n\t"
                                                                  "beq 3f\n\t"
                                                                  "b 1b\n" /* BNE reaches less */
                                                                  "3:\tmov r0, r1\n\t"
                                                                  "add sp, #20\n\t"
                                                                  "pop {r4-r7}\n\t"
                                                                  "mov r8, r4\n\t"
                                                                  "mov r9, r5\n\t"
                                                                  "mov r10, r6\n\t"
                                                                  "mov r11, r7\n\t"
                                                                  "pop {r4-r7, pc}");
}

#endif /* MLUT_ISA_V6M_H */
