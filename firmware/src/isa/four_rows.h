/* The loop over four rows of a dense layer at once, in assembly, for Arm cores with Thumb-2. */
#ifndef MLUT_ISA_FOUR_ROWS_H
#define MLUT_ISA_FOUR_ROWS_H

#include "../small.h"

/* Bytes of a row that are multiplied between two comparisons. */
#define MLUT_FOUR_ROWS_STEPS (MLUT_SMALL ? 1u : 4u)

/* Rows from r0 on, r1 bytes apart, each of r2 bytes, in fours whose sums are r5 to r8. All
 * registers are taken; `setup` may set those that `product` leaves alone. On the stack are where
 * the whole steps and the row end, the row, its bytes, then 36 bytes of registers, the inputs, the
 * sums and the number of fours. */
#define MLUT_FOUR_ROWS(x, setup, product, bytes)                                                   \
    "push {r4-r11, lr}\n\t"                                                                        \
    "push {r0, r2}\n\t"                                                                            \
    "sub sp, #8\n"                                                                                 \
    "0:\tldr r12, [sp, #56]\n\t"                                                                   \
    "ldrd r0, r9, [sp, #8]\n\t"                                                                    \
    "ldr " x ", [sp, #52]\n\t"                                                                     \
    "ldm r12, {r5-r8}\n\t"                                                                         \
    "add r11, r0, r9\n\t"                                                                          \
    "and r12, r9, %[rest]\n\t"                                                                     \
    "sub r10, r11, r12\n\t"                                                                        \
    "strd r10, r11, [sp]\n\t"                                                                      \
    "add r2, r1, r1, lsl #1\n\t" setup "cmp r0, r10\n\t"                                           \
    "beq 2f\n"                                                                                     \
    "1:\t.rept %c[steps]\n\t" product ".endr\n\t"                                                  \
    "ldr r10, [sp]\n\t"                                                                            \
    "cmp r0, r10\n\t"                                                                              \
    "bne 1b\n"                                                                                     \
    "2:\tldr r10, [sp, #4]\n\t"                                                                    \
    "cmp r0, r10\n\t"                                                                              \
    "beq 3f\n\t" product "b 2b\n"                                                                  \
    "3:\tldr r12, [sp, #56]\n\t"                                                                   \
    "ldr r9, [sp, #60]\n\t"                                                                        \
    "ldr r0, [sp, #8]\n\t"                                                                         \
    "stm r12!, {r5-r8}\n\t"                                                                        \
    "add r0, r0, r1, lsl #2\n\t"                                                                   \
    "subs r9, #1\n\t"                                                                              \
    "strd r12, r9, [sp, #56]\n\t"                                                                  \
    "str r0, [sp, #8]\n\t"                                                                         \
    "bne 0b\n\t"                                                                                   \
    "add sp, #16\n\t"                                                                              \
    "pop {r4-r11, pc}" ::[steps] "i"(MLUT_FOUR_ROWS_STEPS),                                        \
        [rest] "i"(bytes * MLUT_FOUR_ROWS_STEPS - 1u) : "memory"

#endif /* MLUT_ISA_FOUR_ROWS_H */
