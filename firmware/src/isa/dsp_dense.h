/* Four rows of a dense layer at once, for dsp.h, which includes this. */
#ifndef MLUT_ISA_DSP_DENSE_H
#define MLUT_ISA_DSP_DENSE_H

#if defined(__arm__)
#include "four_rows.h"

/* Rows 1 to 3 of what `load` loads, and then row 0, whose pointer moves on. */
#define MLUT_DSP_FOUR_ROWS(load, r1, r2, r3, r0, bytes)                                            \
    load " " r1 ", [r0, r1]\n\t" load " " r2 ", [r0, r1, lsl #1]\n\t" load " " r3                  \
         ", [r0, r2]\n\t" load " " r0 ", [r0], #" bytes "\n\t"

/* A pair of every row: the loads side by side take one cycle each but for the first. */
#define MLUT_DSP_LOOKUP                                                                            \
    "ldr r9, [r4], #4\n\t" MLUT_DSP_FOUR_ROWS(                                                     \
        "ldrb", "r10", "r11", "r12", "lr", "1") "ldr r10, [r3, r10, lsl #2]\n\t"                   \
                                                "ldr r11, [r3, r11, lsl #2]\n\t"                   \
                                                "ldr r12, [r3, r12, lsl #2]\n\t"                   \
                                                "ldr lr, [r3, lr, lsl #2]\n\t"                     \
                                                "smlad r6, r9, r10, r6\n\t"                        \
                                                "smlad r7, r9, r11, r7\n\t"                        \
                                                "smlad r8, r9, r12, r8\n\t"                        \
                                                "smlad r5, r9, lr, r5\n\t"

/* Four bytes of a row, widened and multiplied; lr is free. */
#define MLUT_DSP_WORD(word, total)                                                                 \
    "sxtb16 lr, " word "\n\t"                                                                      \
    "sxtb16 " word ", " word ", ror #8\n\t"                                                        \
    "smlad " total ", lr, r4, " total "\n\t"                                                       \
    "smlad " total ", " word ", r9, " total "\n\t"

#define MLUT_DSP_WORDS                                                                             \
    "ldr r9, [r3], #4\n\t"                                                                         \
    "ldr r10, [r0, r1]\n\t"                                                                        \
    "ldr r11, [r0, r1, lsl #1]\n\t"                                                                \
    "ldr r12, [r0, r2]\n\t"                                                                        \
    "sxtb16 r4, r9\n\t"                                                                            \
    "sxtb16 r9, r9, ror #8\n\t" MLUT_DSP_WORD("r10", "r6") MLUT_DSP_WORD("r11", "r7")              \
        MLUT_DSP_WORD("r12", "r8") "ldr r10, [r0], #4\n\t" MLUT_DSP_WORD("r10", "r5")

static MLUT_NAKED void mlut_dsp_lookup4(MLUT_UNUSED const uint8_t *indices,
    MLUT_UNUSED size_t stride,
    MLUT_UNUSED size_t count,
    MLUT_UNUSED const uint32_t *table,
    MLUT_UNUSED const uint32_t *x,
    MLUT_UNUSED int32_t *totals,
    MLUT_UNUSED size_t fours)
{
    __asm__ volatile(MLUT_FOUR_ROWS("r4", "", MLUT_DSP_LOOKUP, 1u));
}

/* `count` is a multiple of 4; `none` gives the others their places. */
static MLUT_NAKED void mlut_dsp_words4(MLUT_UNUSED const int8_t *weights,
    MLUT_UNUSED size_t stride,
    MLUT_UNUSED size_t count,
    MLUT_UNUSED const void *none,
    MLUT_UNUSED const int8_t *x,
    MLUT_UNUSED int32_t *totals,
    MLUT_UNUSED size_t fours)
{
    __asm__ volatile(MLUT_FOUR_ROWS("r3", "", MLUT_DSP_WORDS, 4u));
}

/* Two rows of indices that overlap, eight columns at a time: a pair's window of `width` bits begins
 * `advance` bits after the one before it, the first at bit `shift` of a word that ends with the
 * eight columns' last byte. */
#define MLUT_DSP_WINDOW(to, word, at, width) "ubfx " to ", " word ", #" at ", #" width "\n\t"
#define MLUT_DSP_LOOKED_UP(to, at) "ldr " to ", [r3, " at ", lsl #2]\n\t"

/* Two pairs of both rows, whose windows are in `a` to `d`. */
#define MLUT_DSP_TWO_PAIRS(a, b, c, d)                                                             \
    "ldr r9, [r4], #4\n\t"                                                                         \
    "ldr r10, [r4], #4\n\t" MLUT_DSP_LOOKED_UP(a, a) MLUT_DSP_LOOKED_UP(b, b)                      \
        MLUT_DSP_LOOKED_UP(c, c) MLUT_DSP_LOOKED_UP(d, d) "smlad r5, r9, " a ", r5\n\t"            \
                                                          "smlad r6, r9, " b ", r6\n\t"            \
                                                          "smlad r5, r10, " c ", r5\n\t"           \
                                                          "smlad r6, r10, " d ", r6\n\t"

#define MLUT_DSP_EIGHT(w, at_0, at_1, at_2, at_3)                                                  \
    MLUT_DSP_WINDOW("r11", "r7", at_0, w)                                                          \
    MLUT_DSP_WINDOW("r12", "r8", at_0, w)                                                          \
    MLUT_DSP_WINDOW("lr", "r7", at_1, w)                                                           \
    MLUT_DSP_WINDOW("r2", "r8", at_1, w)                                                           \
    MLUT_DSP_TWO_PAIRS("r11", "r12", "lr", "r2")                                                   \
    MLUT_DSP_WINDOW("r11", "r7", at_2, w)                                                          \
    MLUT_DSP_WINDOW("r12", "r8", at_2, w)                                                          \
    MLUT_DSP_WINDOW("r7", "r7", at_3, w)                                                           \
    MLUT_DSP_WINDOW("r8", "r8", at_3, w)                                                           \
    MLUT_DSP_TWO_PAIRS("r11", "r12", "r7", "r8")

#define MLUT_DSP_EIGHT_2_6 MLUT_DSP_EIGHT("8", "12", "16", "20", "24")
#define MLUT_DSP_EIGHT_3_6 MLUT_DSP_EIGHT("9", "5", "11", "17", "23")

/* The first eight columns of a row, before which there are zeros: nothing before it is read. */
#define MLUT_DSP_BEGIN_2_6                                                                         \
    "add r12, r0, r1\n\t"                                                                          \
    "ldrh r7, [r0, #2]\n\t"                                                                        \
    "ldrh r8, [r12, #2]\n\t"                                                                       \
    "lsl r7, r7, #16\n\t"                                                                          \
    "lsl r8, r8, #16\n\t"                                                                          \
    "add r0, #2\n\t"
#define MLUT_DSP_BEGIN_3_6                                                                         \
    "add r12, r0, r1\n\t"                                                                          \
    "ldrh r7, [r0, #1]\n\t"                                                                        \
    "ldrh r8, [r12, #1]\n\t"                                                                       \
    "ldrb r9, [r0, #3]\n\t"                                                                        \
    "ldrb r10, [r12, #3]\n\t"                                                                      \
    "lsl r7, r7, #8\n\t"                                                                           \
    "lsl r8, r8, #8\n\t"                                                                           \
    "orr r7, r7, r9, lsl #24\n\t"                                                                  \
    "orr r8, r8, r10, lsl #24\n\t"                                                                 \
    "add r0, #3\n\t"

#define MLUT_DSP_NEXT(bytes)                                                                       \
    "ldr r8, [r0, r1]\n\t"                                                                         \
    "ldr r7, [r0], #" bytes "\n\t"

/* Two totals are written, and r0 becomes the next two rows. */
#define MLUT_DSP_WINDOW_LOOP_END                                                                   \
    "ldr r12, [sp, #56]\n\t"                                                                       \
    "ldr r9, [sp, #60]\n\t"                                                                        \
    "ldr r0, [sp, #8]\n\t"                                                                         \
    "stm r12!, {r5, r6}\n\t"                                                                       \
    "add r0, r0, r1, lsl #1\n\t"                                                                   \
    "subs r9, #1\n\t"                                                                              \
    "strd r12, r9, [sp, #56]\n\t"                                                                  \
    "str r0, [sp, #8]\n\t"                                                                         \
    "bne 0b\n\t"                                                                                   \
    "add sp, #16\n\t"                                                                              \
    "pop {r4-r11, pc}"

/* r0 is as many bytes before the row as a word has more than eight columns. On the stack are where
 * the row ends, the steps without the first, the row, its bytes, then as in MLUT_FOUR_ROWS. */
#define MLUT_DSP_WINDOW_LOOP(begin, next, eight, bytes)                                            \
    "push {r4-r11, lr}\n\t"                                                                        \
    "mov r10, #" bytes "\n\t"                                                                      \
    "ldr r11, [sp, #48]\n\t"                                                                       \
    "sub r0, #4 - " bytes "\n\t"                                                                   \
    "mul r10, r10, r2\n\t"                                                                         \
    "sub r9, r2, r11\n\t"                                                                          \
    "push {r0, r10}\n\t"                                                                           \
    "push {r0, r9}\n"                                                                              \
    "0:\tldr r12, [sp, #56]\n\t"                                                                   \
    "ldrd r0, r9, [sp, #8]\n\t"                                                                    \
    "ldr r4, [sp, #52]\n\t"                                                                        \
    "ldr r11, [sp, #64]\n\t"                                                                       \
    "ldm r12, {r5, r6}\n\t"                                                                        \
    "add r9, r0, r9\n\t"                                                                           \
    "str r9, [sp]\n\t"                                                                             \
    "cmp r11, #0\n\t"                                                                              \
    "beq 1f\n\t" begin eight "1:\tldr r9, [sp, #4]\n\t"                                            \
    "tst r9, #1\n\t"                                                                               \
    "beq 2f\n\t" next eight "2:\tldr r9, [sp]\n\t"                                                 \
    "cmp r0, r9\n\t"                                                                               \
    "beq 4f\n"                                                                                     \
    "3:\t" next eight next eight "ldr r9, [sp]\n\t"                                                \
    "cmp r0, r9\n\t"                                                                               \
    "bne 3b\n"                                                                                     \
    "4:\t" MLUT_DSP_WINDOW_LOOP_END

/* The same without what only overlapping indices need. */
#define MLUT_DSP_LEVEL_LOOP(eight, bytes)                                                          \
    "push {r4-r11, lr}\n\t"                                                                        \
    "mov r10, #" bytes "\n\t"                                                                      \
    "mul r10, r10, r2\n\t"                                                                         \
    "push {r0, r10}\n\t"                                                                           \
    "sub sp, #8\n"                                                                                 \
    "0:\tldr r12, [sp, #56]\n\t"                                                                   \
    "ldrd r0, r9, [sp, #8]\n\t"                                                                    \
    "ldr r4, [sp, #52]\n\t"                                                                        \
    "ldm r12, {r5, r6}\n\t"                                                                        \
    "add r9, r0, r9\n\t"                                                                           \
    "str r9, [sp]\n"                                                                               \
    "1:\t" eight "ldr r9, [sp]\n\t"                                                                \
    "cmp r0, r9\n\t"                                                                               \
    "bne 1b\n\t" MLUT_DSP_WINDOW_LOOP_END

/* Without a table of pairs: four weights of both rows, one by one from the codebook, with the x of
 * two words. */
#define MLUT_DSP_TWO_LEVELS(x, at_0, at_1, w)                                                      \
    MLUT_DSP_WINDOW("r11", "r7", at_0, w)                                                          \
    MLUT_DSP_WINDOW("r12", "r8", at_0, w)                                                          \
    MLUT_DSP_WINDOW("lr", "r7", at_1, w)                                                           \
    MLUT_DSP_WINDOW("r2", "r8", at_1, w)                                                           \
    "ldrsb r11, [r3, r11]\n\t"                                                                     \
    "ldrsb r12, [r3, r12]\n\t"                                                                     \
    "ldrsb lr, [r3, lr]\n\t"                                                                       \
    "ldrsb r2, [r3, r2]\n\t"                                                                       \
    "smlabb r5, r11, " x ", r5\n\t"                                                                \
    "smlabb r6, r12, " x ", r6\n\t"                                                                \
    "smlabt r5, lr, " x ", r5\n\t"                                                                 \
    "smlabt r6, r2, " x ", r6\n\t"

#define MLUT_DSP_FOUR_LEVELS(w, at_0, at_1, at_2, at_3)                                            \
    "ldr r9, [r4], #4\n\t"                                                                         \
    "ldr r10, [r4], #4\n\t" MLUT_DSP_TWO_LEVELS("r9", at_0, at_1, w)                               \
        MLUT_DSP_TWO_LEVELS("r10", at_2, at_3, w)

/* Eight columns of `bits` bytes: the first four are in their first word, the others in the last. */
#define MLUT_DSP_LEVELS_5                                                                          \
    MLUT_DSP_NEXT("1")                                                                             \
    MLUT_DSP_FOUR_LEVELS("5", "0", "5", "10", "15")                                                \
    MLUT_DSP_NEXT("4") MLUT_DSP_FOUR_LEVELS("5", "12", "17", "22", "27")
#define MLUT_DSP_LEVELS_6                                                                          \
    MLUT_DSP_NEXT("2")                                                                             \
    MLUT_DSP_FOUR_LEVELS("6", "0", "6", "12", "18")                                                \
    MLUT_DSP_NEXT("4") MLUT_DSP_FOUR_LEVELS("6", "8", "14", "20", "26")
#define MLUT_DSP_LEVELS_7                                                                          \
    MLUT_DSP_NEXT("3")                                                                             \
    MLUT_DSP_FOUR_LEVELS("7", "0", "7", "14", "21")                                                \
    MLUT_DSP_NEXT("4") MLUT_DSP_FOUR_LEVELS("7", "4", "11", "18", "25")

/* Adds to the totals of `twos` times two rows the products of `eights` times eight columns and x,
 * given the table of pairs, or the codebook. `begins`: 1 if the rows begin there, otherwise 0. */
#define MLUT_DSP_WINDOWS(name, loop)                                                               \
    static MLUT_NAKED void mlut_dsp_##name(MLUT_UNUSED const uint8_t *row,                         \
        MLUT_UNUSED size_t stride, MLUT_UNUSED size_t eights, MLUT_UNUSED const void *table,       \
        MLUT_UNUSED const uint32_t *x, MLUT_UNUSED int32_t *totals, MLUT_UNUSED size_t twos,       \
        MLUT_UNUSED int begins)                                                                    \
    {                                                                                              \
        __asm__ volatile(loop);                                                                    \
    }
MLUT_DSP_WINDOWS(windows_2_6,
    MLUT_DSP_WINDOW_LOOP(MLUT_DSP_BEGIN_2_6, MLUT_DSP_NEXT("2"), MLUT_DSP_EIGHT_2_6, "2"))
MLUT_DSP_WINDOWS(windows_3_6,
    MLUT_DSP_WINDOW_LOOP(MLUT_DSP_BEGIN_3_6, MLUT_DSP_NEXT("3"), MLUT_DSP_EIGHT_3_6, "3"))
MLUT_DSP_WINDOWS(levels_5, MLUT_DSP_LEVEL_LOOP(MLUT_DSP_LEVELS_5, "5"))
MLUT_DSP_WINDOWS(levels_6, MLUT_DSP_LEVEL_LOOP(MLUT_DSP_LEVELS_6, "6"))
MLUT_DSP_WINDOWS(levels_7, MLUT_DSP_LEVEL_LOOP(MLUT_DSP_LEVELS_7, "7"))

static inline void mlut_dsp_widen(const int8_t *x, size_t count, uint32_t *pairs)
{
    size_t left = count;
    for (; left >= 4u; left -= 4u, x += 4, pairs += 2) {
        const uint32_t word = mlut_dsp_load(x);
        const uint32_t even = mlut_dsp_even(word);
        const uint32_t odd = mlut_dsp_odd(word);
        uint32_t high;
        pairs[0] = mlut_dsp_pair((int32_t)even, (int32_t)odd);
        __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(high) : "r"(odd), "r"(even));
        pairs[1] = high;
    }
    mlut_generic_widen(x, left, pairs);
}
#else
#define mlut_dsp_lookup4 mlut_generic_lookup4
#define mlut_dsp_widen mlut_generic_widen

static inline void mlut_dsp_words4(const int8_t *weights,
    size_t stride,
    size_t count,
    const void *none,
    const int8_t *x,
    int32_t *totals,
    size_t fours)
{
    (void)none;
    for (size_t r = 0; r < 4u * fours; r++, weights += stride) {
        for (size_t i = 0; i < count; i += 4) {
            const uint32_t word = mlut_dsp_load(x + i);
            totals[r] =
                mlut_dsp_mac4(mlut_dsp_even(word), mlut_dsp_odd(word), weights + i, totals[r]);
        }
    }
}
#endif

static inline void mlut_dsp_dot4(const int8_t *x,
    const int8_t *weights,
    size_t stride,
    size_t count,
    int32_t *totals,
    size_t fours)
{
    const size_t whole = count & ~(size_t)3;
    mlut_dsp_words4(weights, stride, whole, NULL, x, totals, fours);
    if (whole < count) {
        mlut_generic_dot4(x + whole, weights + whole, stride, count - whole, totals, fours);
    }
}

#endif /* MLUT_ISA_DSP_DENSE_H */
