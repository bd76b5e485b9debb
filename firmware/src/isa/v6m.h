/* Primitives for Arm cores with 16-bit Thumb code (Cortex-M0, M0+). */
#ifndef MLUT_ISA_V6M_H
#define MLUT_ISA_V6M_H

#include "../small.h"
#include "generic.h"

#define mlut_v6m_dot mlut_generic_dot
#define mlut_v6m_widen mlut_generic_widen
#define mlut_v6m_entry mlut_generic_entry
#define mlut_v6m_dot2 mlut_generic_dot2
#define mlut_v6m_even mlut_generic_even
#define mlut_v6m_odd mlut_generic_odd
#define mlut_v6m_saturate mlut_generic_saturate
#define mlut_v6m_max4 mlut_generic_max4
#define mlut_v6m_pair mlut_generic_pair
#define mlut_v6m_put_pairs mlut_generic_put_pairs
#define mlut_v6m_put_entries mlut_generic_put_entries
#define mlut_v6m_row_scale mlut_generic_row_scale
#define mlut_v6m_slide mlut_generic_slide

/* The layout of tiles: one multiplication makes two products, as in mlut_generic_dot2. Of four
 * values of a column there are the numbers 2^16 x2 - x0 and 2^16 x3 - x1, of a row's weights w2 -
 * 2^16 w0 and w3 - 2^16 w1. So even a sum of two products of -128 and -128 is below 2^31 before it
 * is rounded. */
enum { mlut_v6m_unaligned = 0 };

/* Bytes 0 and 2 as a number: they are below 256 and then made signed, and the half in which
 * `halves` has ones gets the opposite sign. */
static inline uint32_t mlut_v6m_number(uint32_t four, uint32_t halves)
{
    const uint32_t signs = UINT32_C(0x00800080) ^ halves;
    return ((four & UINT32_C(0x00ff00ff)) ^ signs) - signs;
}

static inline uint32_t *mlut_v6m_put_inputs(uint32_t four, uint32_t *column)
{
    column[0] = mlut_v6m_number(four, UINT32_C(0x0000ffff));
    column[MLUT_COLUMNS] = mlut_v6m_number(four >> 8, UINT32_C(0x0000ffff));
    return column + 2u * MLUT_COLUMNS;
}

static inline void mlut_v6m_put_weights(
    int32_t a, int32_t b, int32_t c, int32_t d, size_t row, uint32_t *quad)
{
    quad[row] = (uint32_t)c - ((uint32_t)a << 16);
    quad[row + 2u] = (uint32_t)d - ((uint32_t)b << 16);
}

static inline void mlut_v6m_put_bytes(uint32_t four, size_t row, uint32_t *quad)
{
    const uint32_t turned = four >> 16 | four << 16;
    quad[row] = mlut_v6m_number(turned, UINT32_C(0xffff0000));
    quad[row + 2u] = mlut_v6m_number(turned >> 8, UINT32_C(0xffff0000));
}

/* Where registers lie that calls keep: r4 to r11. */
#define MLUT_V6M_SAVE                                                                              \
    ".syntax unified\n\t"                                                                          \
    "push {r4-r7, lr}\n\t"                                                                         \
    "mov r4, r8\n\t"                                                                               \
    "mov r5, r9\n\t"                                                                               \
    "mov r6, r10\n\t"                                                                              \
    "mov r7, r11\n\t"                                                                              \
    "push {r4-r7}\n\t"

#define MLUT_V6M_RESTORE                                                                           \
    "pop {r4-r7}\n\t"                                                                              \
    "mov r8, r4\n\t"                                                                               \
    "mov r9, r5\n\t"                                                                               \
    "mov r10, r6\n\t"                                                                              \
    "mov r11, r7\n\t"                                                                              \
    "pop {r4-r7, pc}"

/* Four totals at the address in `at` to r8 to r11, and back from there, each after `sign`; r7 is
 * lost. */
#define MLUT_V6M_TAKE_TOTALS(at, sign)                                                             \
    "ldr r7, [" at "]\n\t" sign "mov r8, r7\n\t"                                                   \
    "ldr r7, [" at ", #4]\n\t" sign "mov r9, r7\n\t"                                               \
    "ldr r7, [" at ", #8]\n\t" sign "mov r10, r7\n\t"                                              \
    "ldr r7, [" at ", #12]\n\t" sign "mov r11, r7\n\t"

#define MLUT_V6M_GIVE_TOTALS(at, sign)                                                             \
    "mov r7, r8\n\t" sign "str r7, [" at "]\n\t"                                                   \
    "mov r7, r9\n\t" sign "str r7, [" at ", #4]\n\t"                                               \
    "mov r7, r10\n\t" sign "str r7, [" at ", #8]\n\t"                                              \
    "mov r7, r11\n\t" sign "str r7, [" at ", #12]\n\t"

#define MLUT_V6M_NEGATE "rsbs r7, r7, #0\n\t"

/* Subtracts the products of the pair in r6 and the entry whose index is in r4. */
#define MLUT_V6M_PAIR(total)                                                                       \
    "lsls r4, r4, #2\n\t"                                                                          \
    "ldr r4, [r3, r4]\n\t"                                                                         \
    "muls r4, r6\n\t"                                                                              \
    "adds r4, r4, r5\n\t"                                                                          \
    "asrs r4, r4, #16\n\t"                                                                         \
    "add " total ", r4\n\t"

/* The sums have the opposite sign, as high registers can only be added to. r0 is row 0, r1 and r12
 * one and three strides, lr its end, r2 is x and r5 rounds. On the stack are the row and its bytes,
 * then 36 bytes of registers, x, the totals and the number of fours. */
static MLUT_NAKED void mlut_v6m_lookup4(MLUT_UNUSED const uint8_t *indices,
    MLUT_UNUSED size_t stride,
    MLUT_UNUSED size_t count,
    MLUT_UNUSED const uint32_t *table,
    MLUT_UNUSED const uint32_t *x,
    MLUT_UNUSED int32_t *totals,
    MLUT_UNUSED size_t fours)
{
    /* clang-format off */
    __asm__ volatile(
        MLUT_V6M_SAVE
        "push {r0, r2}\n\t"
        "lsls r7, r1, #1\n\t"
        "adds r7, r7, r1\n\t"
        "mov r12, r7\n\t"
        "movs r5, #128\n\t"
        "lsls r5, r5, #8\n\t"
        "0:\n\t"
        "ldr r4, [sp, #48]\n\t"
        MLUT_V6M_TAKE_TOTALS("r4", MLUT_V6M_NEGATE)
        "lsls r7, r1, #1\n\t"
        "ldr r0, [sp]\n\t"
        "ldr r2, [sp, #4]\n\t"
        "adds r2, r0, r2\n\t"
        "mov lr, r2\n\t"
        "ldr r2, [sp, #44]\n\t"
        "1:\n\t"
        "ldmia r2!, {r6}\n\t"
        "ldrb r4, [r0]\n\t"
        MLUT_V6M_PAIR("r8")
        "ldrb r4, [r0, r1]\n\t"
        MLUT_V6M_PAIR("r9")
        "ldrb r4, [r0, r7]\n\t"
        MLUT_V6M_PAIR("r10")
        "mov r4, r12\n\t"
        "ldrb r4, [r0, r4]\n\t"
        MLUT_V6M_PAIR("r11")
        "adds r0, #1\n\t"
        "cmp r0, lr\n\t"
        "bne 1b\n\t"
        "ldr r4, [sp, #48]\n\t"
        MLUT_V6M_GIVE_TOTALS("r4", MLUT_V6M_NEGATE)
        "adds r4, #16\n\t"
        "str r4, [sp, #48]\n\t"
        "ldr r0, [sp]\n\t"
        "lsls r4, r1, #2\n\t"
        "adds r0, r0, r4\n\t"
        "str r0, [sp]\n\t"
        "ldr r4, [sp, #52]\n\t"
        "subs r4, #1\n\t"
        "str r4, [sp, #52]\n\t"
        "bne 0b\n\t"
        "add sp, #8\n\t"
        MLUT_V6M_RESTORE);
    /* clang-format on */
}

#define MLUT_V6M_PRODUCT(row, total)                                                               \
    "ldrsb r7, [" row ", r3]\n\t"                                                                  \
    "muls r7, r6\n\t"                                                                              \
    "add " total ", r7\n\t"

/* r0 is x, r1, r2, r4 and r5 are the rows, all at column r3 of r12. On the stack are the stride and
 * 36 bytes of registers, then the totals and the number of fours. */
static MLUT_NAKED void mlut_v6m_dot4(MLUT_UNUSED const int8_t *x,
    MLUT_UNUSED const int8_t *weights,
    MLUT_UNUSED size_t stride,
    MLUT_UNUSED size_t count,
    MLUT_UNUSED int32_t *totals,
    MLUT_UNUSED size_t fours)
{
    /* clang-format off */
    __asm__ volatile(
        MLUT_V6M_SAVE
        "push {r2}\n\t"
        "mov r12, r3\n\t"
        "0:\n\t"
        "ldr r3, [sp, #40]\n\t"
        MLUT_V6M_TAKE_TOTALS("r3", "")
        "ldr r3, [sp]\n\t"
        "adds r2, r1, r3\n\t"
        "adds r4, r2, r3\n\t"
        "adds r5, r4, r3\n\t"
        "movs r3, #0\n\t"
        "1:\n\t"
        "ldrsb r6, [r0, r3]\n\t"
        MLUT_V6M_PRODUCT("r1", "r8")
        MLUT_V6M_PRODUCT("r2", "r9")
        MLUT_V6M_PRODUCT("r4", "r10")
        MLUT_V6M_PRODUCT("r5", "r11")
        "adds r3, #1\n\t"
        "cmp r3, r12\n\t"
        "bne 1b\n\t"
        "ldr r3, [sp, #40]\n\t"
        MLUT_V6M_GIVE_TOTALS("r3", "")
        "adds r3, #16\n\t"
        "str r3, [sp, #40]\n\t"
        "ldr r3, [sp]\n\t"
        "adds r1, r5, r3\n\t"
        "ldr r3, [sp, #44]\n\t"
        "subs r3, #1\n\t"
        "str r3, [sp, #44]\n\t"
        "bne 0b\n\t"
        "add sp, #4\n\t"
        MLUT_V6M_RESTORE);
    /* clang-format on */
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

/* One pair of a column: the shift leaves in the carry what rounds the product. */
#define MLUT_V6M_COLUMN(total)                                                                     \
    "ldmia r0!, {r2}\n\t"                                                                          \
    "muls r2, r3\n\t"                                                                              \
    "asrs r2, r2, #16\n\t"                                                                         \
    "adcs " total ", r2\n\t"

#define MLUT_V6M_COLUMNS                                                                           \
    MLUT_V6M_COLUMN("r4") MLUT_V6M_COLUMN("r5") MLUT_V6M_COLUMN("r6") MLUT_V6M_COLUMN("r7")

/* Four values of a row by four columns. */
#define MLUT_V6M_QUAD                                                                              \
    "ldr r3, [r1]\n\t" MLUT_V6M_COLUMNS "ldr r3, [r1, #8]\n\t" MLUT_V6M_COLUMNS "adds r1, #16\n\t"

/* Code bytes of a quad. */
#define MLUT_V6M_QUAD_CODE 70u

/* Quads of the loop: BNE reaches no more than three. */
#define MLUT_V6M_UNROLLED (MLUT_SMALL ? 1u : 2u)

static inline mlut_span_t mlut_v6m_span(const uint32_t *first, size_t quads)
{
    return mlut_span_of(first, quads, MLUT_V6M_UNROLLED, MLUT_V6M_QUAD_CODE);
}

/* Row by row, so that all sums are in registers that add with carry. r1 is the row's weights, r8
 * the first column, r9 the end of all, r10 what the loop skips, r11 where totals go, r12 their end
 * and lr the bias. On the stack is how far the next row is, which alternates, and the sum of both
 * distances. */
static MLUT_NAKED const uint32_t *mlut_v6m_tile(MLUT_UNUSED const uint32_t *weights,
    MLUT_UNUSED const mlut_span_t *columns,
    MLUT_UNUSED const int32_t *biases,
    MLUT_UNUSED int32_t *totals,
    MLUT_UNUSED const int32_t *end)
{
    /* clang-format off */
    __asm__ volatile(
        MLUT_V6M_SAVE
        "ldr r4, [sp, #36]\n\t"
        "mov r12, r4\n\t"
        "ldmia r1!, {r4-r6}\n\t"
        "mov r10, r4\n\t"
        "mov r8, r5\n\t"
        "mov r9, r6\n\t"
        "mov r11, r3\n\t"
        "mov lr, r2\n\t"
        "mov r1, r0\n\t"
        "subs r5, r5, r6\n\t"
        "asrs r5, r5, #1\n\t"
        "adds r4, r5, #4\n\t"
        "push {r4, r5}\n\t"
        "1:\n\t"
        "mov r2, lr\n\t"
        "ldmia r2!, {r4}\n\t"
        "adds r2, #12\n\t"
        "mov lr, r2\n\t"
        "mov r5, r4\n\t"
        "mov r6, r4\n\t"
        "mov r7, r4\n\t"
        "mov r0, r8\n\t"
        "add pc, r10\n\t"
        "nop\n\t"
        "2:\n\t"
        ".rept %c[quads]\n\t"
        MLUT_V6M_QUAD
        ".endr\n\t"
        "cmp r0, r9\n\t"
        "bne 2b\n\t"
        "mov r2, r11\n\t"
        "stmia r2!, {r4-r7}\n\t"
        "mov r11, r2\n\t"
        "ldr r3, [sp]\n\t"
        "ldr r4, [sp, #4]\n\t"
        "adds r1, r1, r3\n\t"
        "subs r4, r4, r3\n\t"
        "str r4, [sp]\n\t"
        "cmp r2, r12\n\t"
        "bne 1b\n\t"
        "mov r0, r1\n\t"
        "add sp, #8\n\t"
        MLUT_V6M_RESTORE
        ::[quads] "i"(MLUT_V6M_UNROLLED));
    /* clang-format on */
}

#endif /* MLUT_ISA_V6M_H */
