/* Primitives for Arm cores with 16-bit Thumb code (Cortex-M0, M0+). */
#ifndef MLUT_ISA_V6M_H
#define MLUT_ISA_V6M_H

#include "generic.h"

#define mlut_v6m_dot mlut_generic_dot
#define mlut_v6m_widen mlut_generic_widen
#define mlut_v6m_entry mlut_generic_entry
#define mlut_v6m_dot2 mlut_generic_dot2
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

/* Four totals at the address in `at` to r8 to r11, and back from there; r7 is lost. */
#define MLUT_V6M_TAKE_TOTALS(at)                                                                   \
    "ldr r7, [" at "]\n\t"                                                                         \
    "mov r8, r7\n\t"                                                                               \
    "ldr r7, [" at ", #4]\n\t"                                                                     \
    "mov r9, r7\n\t"                                                                               \
    "ldr r7, [" at ", #8]\n\t"                                                                     \
    "mov r10, r7\n\t"                                                                              \
    "ldr r7, [" at ", #12]\n\t"                                                                    \
    "mov r11, r7\n\t"

#define MLUT_V6M_GIVE_TOTALS(at)                                                                   \
    "mov r7, r8\n\t"                                                                               \
    "str r7, [" at "]\n\t"                                                                         \
    "mov r7, r9\n\t"                                                                               \
    "str r7, [" at ", #4]\n\t"                                                                     \
    "mov r7, r10\n\t"                                                                              \
    "str r7, [" at ", #8]\n\t"                                                                     \
    "mov r7, r11\n\t"                                                                              \
    "str r7, [" at ", #12]\n\t"

/* Adds the products of the pair in r6 and the one whose index is in r4. */
#define MLUT_V6M_PAIR(total)                                                                       \
    "lsls r4, r4, #2\n\t"                                                                          \
    "ldr r4, [r3, r4]\n\t"                                                                         \
    "muls r4, r6\n\t"                                                                              \
    "adds r4, r4, r5\n\t"                                                                          \
    "asrs r4, r4, #16\n\t"                                                                         \
    "add " total ", r4\n\t"

/* r0 is row 0, r1 and r12 one and three strides, lr its end, r2 is x and r5 rounds. On the stack
 * are the row and its bytes, then 36 bytes of registers, x, the totals and the number of fours. */
static MLUT_NAKED void mlut_v6m_lookup4(MLUT_UNUSED const uint8_t *indices,
    MLUT_UNUSED size_t stride,
    MLUT_UNUSED size_t count,
    MLUT_UNUSED const uint32_t *table,
    MLUT_UNUSED const uint32_t *x,
    MLUT_UNUSED int32_t *totals,
    MLUT_UNUSED size_t fours)
{
    __asm__ volatile(MLUT_V6M_SAVE
        "push {r0, r2}\n\t"
        "lsls r7, r1, #1\n\t"
        "adds r7, r7, r1\n\t"
        "mov r12, r7\n\t"
        "movs r5, #128\n\t"
        "lsls r5, r5, #8\n"
        "0:\tldr r4, [sp, #48]\n\t" MLUT_V6M_TAKE_TOTALS(
            "r4") "lsls r7, r1, #1\n\t"
                  "ldr r0, [sp]\n\t"
                  "ldr r2, [sp, #4]\n\t"
                  "adds r2, r0, r2\n\t"
                  "mov lr, r2\n\t"
                  "ldr r2, [sp, #44]\n"
                  "1:\tldmia r2!, {r6}\n\t"
                  "ldrb r4, [r0]\n\t" MLUT_V6M_PAIR("r8") "ldrb r4, [r0, r1]\n\t" MLUT_V6M_PAIR(
                      "r9") "ldrb r4, [r0, r7]\n\t" MLUT_V6M_PAIR("r10") "mov r4, r12\n\t"
                                                                         "ldrb r4, [r0, "
                                                                         "r4]\n\t" MLUT_V6M_PAIR(
                                                                             "r11") "adds r0, "
                                                                                    "#1\n\t"
                                                                                    "cmp r0, lr\n\t"
                                                                                    "bne 1b\n\t"
                                                                                    "ldr r4, [sp, "
                                                                                    "#48]"
                                                                                    "\n"
                                                                                    "\t" MLUT_V6M_GIVE_TOTALS(
                                                                                        "r4") "adds"
                                                                                              " r4,"
                                                                                              " #"
                                                                                              "16\n"
                                                                                              "\t"
                                                                                              "str "
                                                                                              "r4, "
                                                                                              "[sp,"
                                                                                              " #"
                                                                                              "48]"
                                                                                              "\n\t"
                                                                                              "ldr "
                                                                                              "r0, "
                                                                                              "[sp]"
                                                                                              "\n\t"
                                                                                              "lsls"
                                                                                              " r4,"
                                                                                              " r1,"
                                                                                              " #"
                                                                                              "2\n"
                                                                                              "\t"
                                                                                              "adds"
                                                                                              " r0,"
                                                                                              " r0,"
                                                                                              " r4"
                                                                                              "\n\t"
                                                                                              "str "
                                                                                              "r0, "
                                                                                              "[sp]"
                                                                                              "\n\t"
                                                                                              "ldr "
                                                                                              "r4, "
                                                                                              "[sp,"
                                                                                              " #"
                                                                                              "52]"
                                                                                              "\n\t"
                                                                                              "subs"
                                                                                              " r4,"
                                                                                              " #"
                                                                                              "1\n"
                                                                                              "\t"
                                                                                              "str "
                                                                                              "r4, "
                                                                                              "[sp,"
                                                                                              " #"
                                                                                              "52]"
                                                                                              "\n\t"
                                                                                              "bne "
                                                                                              "0b\n"
                                                                                              "\t"
                                                                                              "add "
                                                                                              "sp, "
                                                                                              "#8\n"
                                                                                              "\t" MLUT_V6M_RESTORE);
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
    __asm__ volatile(MLUT_V6M_SAVE
        "push {r2}\n\t"
        "mov r12, r3\n"
        "0:\tldr r3, [sp, #40]\n\t" MLUT_V6M_TAKE_TOTALS(
            "r3") "ldr r3, [sp]\n\t"
                  "adds r2, r1, r3\n\t"
                  "adds r4, r2, r3\n\t"
                  "adds r5, r4, r3\n\t"
                  "movs r3, #0\n"
                  "1:\tldrsb r6, [r0, r3]\n\t" MLUT_V6M_PRODUCT("r1", "r8")
                      MLUT_V6M_PRODUCT("r2", "r9") MLUT_V6M_PRODUCT("r4", "r10") MLUT_V6M_PRODUCT(
                          "r5", "r11") "adds r3, #1\n\t"
                                       "cmp r3, r12\n\t"
                                       "bne 1b\n\t"
                                       "ldr r3, [sp, #40]\n\t" MLUT_V6M_GIVE_TOTALS(
                                           "r3") "adds r3, #16\n\t"
                                                 "str r3, [sp, #40]\n\t"
                                                 "ldr r3, [sp]\n\t"
                                                 "adds r1, r5, r3\n\t"
                                                 "ldr r3, [sp, #44]\n\t"
                                                 "subs r3, #1\n\t"
                                                 "str r3, [sp, #44]\n\t"
                                                 "bne 0b\n\t"
                                                 "add sp, #4\n\t" MLUT_V6M_RESTORE);
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
