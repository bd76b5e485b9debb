/* Primitives for Arm cores with Thumb-2 but without the DSP extension (Cortex-M3). */
#ifndef MLUT_ISA_V7M_H
#define MLUT_ISA_V7M_H

#include "../small.h"
#include "generic.h"

#define mlut_v7m_dot mlut_generic_dot
#define mlut_v7m_dot4 mlut_generic_dot4
#define mlut_v7m_even mlut_generic_even
#define mlut_v7m_odd mlut_generic_odd
#define mlut_v7m_mac2 mlut_generic_mac2
#define mlut_v7m_two_3x3 mlut_generic_two_3x3
#define mlut_v7m_put_inputs mlut_generic_put_inputs
#define mlut_v7m_put_weights mlut_generic_put_weights
#define mlut_v7m_put_bytes mlut_generic_put_bytes

enum { mlut_v7m_column_words = 1, mlut_v7m_input_offset = 0, mlut_v7m_unaligned = 1 };

static inline int32_t mlut_v7m_saturate(int32_t x)
{
    int32_t nearest;
    __asm__("ssat %0, #8, %1" : "=r"(nearest) : "r"(x));
    return nearest;
}

static inline int32_t mlut_v7m_high_mul(int32_t a, int32_t b)
{
    int32_t low, high;
    __asm__("smull %[l], %[h], %[a], %[b]\n\t"
            "lsls %[l], %[l], #1\n\t" /* bit 31 is the carry */
            "adc %[h], %[h], #0"
        : [l] "=&r"(low), [h] "=&r"(high)
        : [a] "r"(a), [b] "r"(b)
        : "cc");
    return high;
}

/* Two rows by four columns of one value; what is loaded first moves its pointer on. */
#define MLUT_V7M_VALUE(row_0, row_1, x0, x1, x2, x3)                                               \
    "ldrsh %[a], [%[w]" row_0 "\n\t"                                                               \
    "ldrsh %[b], [%[w]" row_1 "\n\t"                                                               \
    "ldrsb %[c], [%[x]" x0 "\n\t"                                                                  \
    "mla %[t0], %[a], %[c], %[t0]\n\t"                                                             \
    "mla %[t4], %[b], %[c], %[t4]\n\t"                                                             \
    "ldrsb %[c], [%[x]" x1 "\n\t"                                                                  \
    "mla %[t1], %[a], %[c], %[t1]\n\t"                                                             \
    "mla %[t5], %[b], %[c], %[t5]\n\t"                                                             \
    "ldrsb %[c], [%[x]" x2 "\n\t"                                                                  \
    "mla %[t2], %[a], %[c], %[t2]\n\t"                                                             \
    "mla %[t6], %[b], %[c], %[t6]\n\t"                                                             \
    "ldrsb %[c], [%[x]" x3 "\n\t"                                                                  \
    "mla %[t3], %[a], %[c], %[t3]\n\t"                                                             \
    "mla %[t7], %[b], %[c], %[t7]\n\t"

#define MLUT_V7M_QUAD                                                                              \
    MLUT_V7M_VALUE("], #16", ", #-14]", "], #16", ", #-12]", ", #-8]", ", #-4]")                   \
    MLUT_V7M_VALUE(", #-12]", ", #-10]", ", #-15]", ", #-11]", ", #-7]", ", #-3]")                 \
    MLUT_V7M_VALUE(", #-8]", ", #-6]", ", #-14]", ", #-10]", ", #-6]", ", #-2]")                   \
    MLUT_V7M_VALUE(", #-4]", ", #-2]", ", #-13]", ", #-9]", ", #-5]", ", #-1]")

/* Code bytes of a quad. */
#define MLUT_V7M_QUAD_CODE 224u

/* Quads of the loop. */
#define MLUT_V7M_UNROLLED (MLUT_SMALL ? 1u : 4u)
#if MLUT_SMALL
#define MLUT_V7M_QUADS MLUT_V7M_QUAD
#else
#define MLUT_V7M_QUADS MLUT_V7M_QUAD MLUT_V7M_QUAD MLUT_V7M_QUAD MLUT_V7M_QUAD
#endif

static inline mlut_span_t mlut_v7m_span(const uint32_t *first, size_t quads)
{
    const mlut_span_t span = {first, first + quads * MLUT_COLUMNS * mlut_v7m_column_words,
        (MLUT_V7M_UNROLLED - quads % MLUT_V7M_UNROLLED) % MLUT_V7M_UNROLLED * MLUT_V7M_QUAD_CODE};
    return span;
}

/* All 14 registers are taken; in C, GCC spills accumulators. The loop is entered where the quads
 * that are left over begin: the NOP makes the first one start where PC reads as. */
static inline __attribute__((always_inline)) const uint32_t *mlut_v7m_tile(
    const uint32_t *weights, const mlut_span_t *columns, int32_t totals[8])
{
    const uint32_t *x = columns->first;
    int32_t a, b, c;
    __asm__ volatile("ldr %[a], %[entry]\n\t"
                     "add pc, %[a]\n\t"
                     "nop\n"
                     "1:\t" MLUT_V7M_QUADS "cmp %[x], %[end]\n\t"
                     "bne 1b"
        : [t0] "+r"(totals[0]), [t1] "+r"(totals[1]), [t2] "+r"(totals[2]), [t3] "+r"(totals[3]),
        [t4] "+r"(totals[4]), [t5] "+r"(totals[5]), [t6] "+r"(totals[6]), [t7] "+r"(totals[7]),
        [w] "+r"(weights), [x] "+r"(x), [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c)
        : [end] "r"(columns->end), [entry] "m"(columns->entry)
        : "cc", "memory");
    return weights;
}

#endif /* MLUT_ISA_V7M_H */
