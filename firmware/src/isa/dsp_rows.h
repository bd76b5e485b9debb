/* Rows of outputs of a 3x3 depthwise kernel on Arm cores with the DSP extension.
 *
 * A compiler loads the weights from the stack again for each output. Here they stay in r0 to r5 for
 * all outputs of a channel: two are made at a time, and with stride 1 the two below them. What is
 * needed less often is on the stack, at these offsets: 0 from, 4 pitch, 8 multiplier, 12 nudge,
 * 16 shift, 20 bias, 24 out, 28 below, 32 step, 36 across, 40 odd, 44 gap, 48 strips left, 52 the
 * step now, 56 what is behind the last pair. r12 and lr are two pairs of rows. */
#ifndef MLUT_ISA_DSP_ROWS_H
#define MLUT_ISA_DSP_ROWS_H

#include "rows.h"
#include "span.h"

#define MLUT_DSP_ROWS_BEGIN                                                                        \
    "push {r4-r11, lr}\n\t"                                                                        \
    "sub sp, #60\n\t"                                                                              \
    "add r12, r0, #24\n\t"                                                                         \
    "mov lr, sp\n\t"                                                                               \
    "ldm r12!, {r2-r9}\n\t"                                                                        \
    "stm lr!, {r2-r9}\n\t"                                                                         \
    "ldm r12, {r2-r6}\n\t"                                                                         \
    "stm lr, {r2-r6}\n\t"                                                                          \
    "ldm r0, {r0-r5}\n"                                                                            \
    "1:\tldrd r12, lr, [sp]\n\t"                                                                   \
    "add lr, r12\n\t"                                                                              \
    "str lr, [sp]\n\t"                                                                             \
    "ldr r8, [sp, #24]\n\t"                                                                        \
    "ldrd r6, r7, [sp, #32]\n\t"                                                                   \
    "add r9, r8, r7\n\t"                                                                           \
    "cmp r7, #0\n\t"                                                                               \
    "it eq\n\t"                                                                                    \
    "moveq r6, #0\n\t"                                                                             \
    "strd r6, r9, [sp, #52]\n\t"                                                                   \
    "ldr r9, [sp, #20]\n"

/* Where the width is odd, the last output is made as a pair whose step is 0. */
#define MLUT_DSP_ROWS_END                                                                          \
    "ldr r10, [sp, #52]\n\t"                                                                       \
    "ldr r11, [sp, #40]\n\t"                                                                       \
    "mov r7, #0\n\t"                                                                               \
    "str r7, [sp, #52]\n\t"                                                                        \
    "cmp r10, #0\n\t"                                                                              \
    "beq 3f\n\t"                                                                                   \
    "cmp r11, #0\n\t"                                                                              \
    "bne 2b\n"                                                                                     \
    "3:\tldr r7, [sp, #24]\n\t"                                                                    \
    "ldrd r10, r11, [sp, #44]\n\t"                                                                 \
    "add r7, r10\n\t"                                                                              \
    "str r7, [sp, #24]\n\t"                                                                        \
    "subs r11, #1\n\t"                                                                             \
    "str r11, [sp, #48]\n\t"                                                                       \
    "bne 1b\n\t"                                                                                   \
    "add sp, #60\n\t"                                                                              \
    "pop {r4-r11, pc}"

/* A column of both pairs of rows. */
#define MLUT_DSP_ROWS_LOAD(at)                                                                     \
    "ldr r11, [r12, #" at "\n\t"                                                                   \
    "ldr r10, [lr, #" at "\n\t"

/* Its products with a column of weights, added to `from`: for an upper and a lower output, or for
 * one. */
#define MLUT_DSP_ROWS_TWO(first, last, upper, lower, upper_from, lower_from)                       \
    "smlad " upper ", r11, " first ", " upper_from "\n\t"                                          \
    "smlatb " lower ", r11, " first ", " lower_from "\n\t"                                         \
    "smlabt " upper ", r10, " last ", " upper "\n\t"                                               \
    "smlad " lower ", r10, " last ", " lower "\n\t"
#define MLUT_DSP_ROWS_ONE(first, last, total, from)                                                \
    "smlad " total ", r11, " first ", " from "\n\t"                                                \
    "smlad " total ", r10, " last ", " total "\n\t"

/* Scale a total: r10 is the multiplier, r11 the nudge. One less than the nudge is for negative
 * products; where the total is negative and the product is 0, both are rounded to the same. */
#define MLUT_DSP_ROWS_POSITIVE(total) "smmlar " total ", " total ", r10, r11\n\t"
#define MLUT_DSP_ROWS_POSITIVE_END
#define MLUT_DSP_ROWS_SIGNED(total)                                                                \
    "add lr, r11, " total ", asr #31\n\t"                                                          \
    "smmlar " total ", " total ", r10, lr\n\t"
#define MLUT_DSP_ROWS_SIGNED_END                                                                   \
    "ldr lr, [sp, #4]\n\t"                                                                         \
    "add lr, r12\n\t"

#define MLUT_DSP_ROWS_ROUND(total)                                                                 \
    "asr " total ", " total ", r10\n\t"                                                            \
    "ssat " total ", #8, " total "\n\t"

/* Stride 1: totals in r6 and r7, below them r8 and r9. What is written last remains where outputs
 * are the same: those above on the left. */
#define MLUT_DSP_ROWS_1(name, SCALE)                                                               \
    static MLUT_NAKED void name(MLUT_UNUSED const mlut_rows_t *rows)                               \
    {                                                                                              \
        __asm__ volatile(MLUT_DSP_ROWS_BEGIN "2:\t" MLUT_DSP_ROWS_LOAD("0]") MLUT_DSP_ROWS_TWO(    \
            "r0", "r3", "r6", "r8", "r9", "r9") MLUT_DSP_ROWS_LOAD("16]") MLUT_DSP_ROWS_TWO("r1",  \
            "r4", "r6", "r8", "r6", "r8") MLUT_DSP_ROWS_TWO("r0", "r3", "r7", "r9", "r9", "r9")    \
                MLUT_DSP_ROWS_LOAD("32]!") MLUT_DSP_ROWS_TWO("r2", "r5", "r6", "r8", "r6", "r8")   \
                    MLUT_DSP_ROWS_TWO("r1", "r4", "r7", "r9", "r7", "r9") MLUT_DSP_ROWS_LOAD(      \
                        "16]") MLUT_DSP_ROWS_TWO("r2", "r5", "r7", "r9", "r7",                     \
                        "r9") "ldrd r10, r11, [sp, #8]\n\t" SCALE("r6") SCALE("r7") SCALE("r8")    \
                        SCALE("r9") SCALE##_END "ldr r10, [sp, #16]\n\t" MLUT_DSP_ROWS_ROUND("r6") \
                            MLUT_DSP_ROWS_ROUND("r7") MLUT_DSP_ROWS_ROUND("r8")                    \
                                MLUT_DSP_ROWS_ROUND("r9") "ldrd r10, r11, [sp, #24]\n\t"           \
                                                          "add r10, r11\n\t"                       \
                                                          "ldr r11, [sp, #52]\n\t"                 \
                                                          "strb r9, [r10, r11]\n\t"                \
                                                          "strb r8, [r10]\n\t"                     \
                                                          "ldr r8, [sp, #24]\n\t"                  \
                                                          "strb r7, [r8, r11]\n\t"                 \
                                                          "strb r6, [r8]\n\t"                      \
                                                          "add r8, r8, r11, lsl #1\n\t"            \
                                                          "str r8, [sp, #24]\n\t"                  \
                                                          "ldr r9, [sp, #20]\n\t"                  \
                                                          "ldr r10, [sp, #56]\n\t"                 \
                                                          "cmp r8, r10\n\t"                        \
                                                          "bne 2b\n\t" MLUT_DSP_ROWS_END ::        \
                                                              : "memory");                         \
    }

/* Stride 2: totals in r6 and r7; r8 is where they go, r9 the bias. */
#define MLUT_DSP_ROWS_2(name, SCALE)                                                               \
    static MLUT_NAKED void name(MLUT_UNUSED const mlut_rows_t *rows)                               \
    {                                                                                              \
        __asm__ volatile(MLUT_DSP_ROWS_BEGIN                                                       \
            "2:\t" MLUT_DSP_ROWS_LOAD("0]") MLUT_DSP_ROWS_ONE("r0", "r3", "r6", "r9")              \
                MLUT_DSP_ROWS_LOAD("16]") MLUT_DSP_ROWS_ONE("r1", "r4", "r6", "r6")                \
                    MLUT_DSP_ROWS_LOAD("32]") MLUT_DSP_ROWS_ONE("r2", "r5", "r6", "r6")            \
                        MLUT_DSP_ROWS_ONE("r0", "r3", "r7", "r9") MLUT_DSP_ROWS_LOAD("48]")        \
                            MLUT_DSP_ROWS_ONE("r1", "r4", "r7", "r7") MLUT_DSP_ROWS_LOAD("64]!")   \
                                MLUT_DSP_ROWS_ONE("r2", "r5", "r7",                                \
                                    "r7") "ldrd r10, r11, [sp, #8]\n\t" SCALE("r6") SCALE("r7")    \
                                    SCALE##_END                                                    \
            "ldr r10, [sp, #16]\n\t" MLUT_DSP_ROWS_ROUND("r6")                                     \
                MLUT_DSP_ROWS_ROUND("r7") "ldrd r11, r10, [sp, #52]\n\t"                           \
                                          "strb r7, [r8, r11]\n\t"                                 \
                                          "strb r6, [r8]\n\t"                                      \
                                          "add r8, r8, r11, lsl #1\n\t"                            \
                                          "cmp r8, r10\n\t"                                        \
                                          "bne 2b\n\t"                                             \
                                          "str r8, [sp, #24]\n\t" MLUT_DSP_ROWS_END ::             \
                                              : "memory");                                         \
    }

MLUT_DSP_ROWS_1(mlut_dsp_rows_signed, MLUT_DSP_ROWS_SIGNED)
MLUT_DSP_ROWS_1(mlut_dsp_rows_positive, MLUT_DSP_ROWS_POSITIVE)
MLUT_DSP_ROWS_2(mlut_dsp_rows_2_signed, MLUT_DSP_ROWS_SIGNED)
MLUT_DSP_ROWS_2(mlut_dsp_rows_2_positive, MLUT_DSP_ROWS_POSITIVE)

#endif /* MLUT_ISA_DSP_ROWS_H */
