/* Fully connected layer with codebook weights for cores with MVE: out[u] = stage(bias[u] + w[u] .
 * in). No weight is used twice, so 16 at a time are decoded and multiplied at once, of four rows;
 * scratch is not needed. */
#include "../isa/isa.h"

#if MLUT_ISA_MVE

#include "block.h"
#include "microlut/dense.h"
#include "output.h"

#define MLUT_MVE_DENSE_UNITS 32u /* whose sums are finished together, a multiple of 4 */

/* Rows, and what they are multiplied with. */
typedef struct mlut_rows {
    const mlut_weights_t *weights;
    const uint8_t *first;
    const int8_t *in;
    size_t inputs;
    size_t count; /* of rows */
} mlut_mve_dense_rows_t;

/* How to decode. */
typedef struct {
    mlut_mve_fields_t fields;
    unsigned bits;
    unsigned index_bits;
} mlut_mve_dense_form_t;

#define MLUT_MVE_DENSE_ROW_8(row, total)                                                           \
    "vldrb.8 q1, [" row "], #16\n\t"                                                               \
    "vmladava.s8 " total ", q0, q1\n\t"

/* Lanes of 16 bits, each with a byte, whose upper index moves to the upper byte. */
#define MLUT_MVE_DENSE_ROW_4(row, total)                                                           \
    "vldrb.u16 q2, [" row "], #8\n\t"                                                              \
    "vsli.16 q2, q2, #4\n\t"                                                                       \
    "vand q2, q2, q3\n\t"                                                                          \
    "vldrb.u8 q1, [r9, q2]\n\t"                                                                    \
    "vmladava.s8 " total ", q0, q1\n\t"

/* The sums of four times `fours` rows, in assembly as block.h's products are: GCC makes no loop
 * whose last iteration the hardware masks, and finds no such allocation of registers. On the stack
 * are the row, a word, 36 bytes of registers, the totals, the fours and the codebook. */
#define MLUT_MVE_DENSE_FOURS(bits)                                                                 \
    static MLUT_NAKED void mlut_mve_dense_fours_##bits(MLUT_UNUSED const uint8_t *rows,            \
        MLUT_UNUSED size_t stride, MLUT_UNUSED size_t inputs, MLUT_UNUSED const int8_t *in,        \
        MLUT_UNUSED int32_t *totals, MLUT_UNUSED size_t fours, MLUT_UNUSED const int8_t *codebook) \
    {                                                                                              \
        __asm__ volatile(                                                                          \
            "push {r4-r11, lr}\n\t"                                                                \
            "push {r0, r1}\n\t"                                                                    \
            "ldr r9, [sp, #52]\n\t"                                                                \
            "vmov.i8 q3, #15\n"                                                                    \
            "0:\tadd r5, r0, r1\n\t"                                                               \
            "add r7, r5, r1\n\t"                                                                   \
            "add r4, r7, r1\n\t"                                                                   \
            "mov r11, r3\n\t"                                                                      \
            "mov r12, #0\n\t"                                                                      \
            "mov r6, #0\n\t"                                                                       \
            "mov r8, #0\n\t"                                                                       \
            "mov r10, #0\n\t"                                                                      \
            "wlstp.8 lr, r2, 2f\n"                                                                 \
            "1:\tvldrb.8 q0, [r11], #16\n\t" MLUT_MVE_DENSE_ROW_##bits("r0", "r12")                \
                MLUT_MVE_DENSE_ROW_##bits("r5", "r6") MLUT_MVE_DENSE_ROW_##bits("r7", "r8")        \
                    MLUT_MVE_DENSE_ROW_##bits("r4", "r10") "letp lr, 1b\n"                         \
                                                           "2:\tldrd r5, r7, [sp, #44]\n\t"        \
                                                           "ldr r0, [sp]\n\t"                      \
                                                           "str r12, [r5], #4\n\t"                 \
                                                           "str r6, [r5], #4\n\t"                  \
                                                           "str r8, [r5], #4\n\t"                  \
                                                           "str r10, [r5], #4\n\t"                 \
                                                           "add r0, r0, r1, lsl #2\n\t"            \
                                                           "str r0, [sp]\n\t"                      \
                                                           "subs r7, #1\n\t"                       \
                                                           "strd r5, r7, [sp, #44]\n\t"            \
                                                           "bne 0b\n\t"                            \
                                                           "add sp, #8\n\t"                        \
                                                           "pop {r4-r11, pc}");                    \
    }
MLUT_MVE_DENSE_FOURS(4)
MLUT_MVE_DENSE_FOURS(8)

/* Rows that are done together, 1 or 4. Inlined with constant bits, so that shifts are constants. */
static inline __attribute__((always_inline)) void mlut_mve_dense_together(
    const mlut_mve_dense_rows_t *job,
    const mlut_mve_dense_form_t *form,
    const uint8_t *row,
    unsigned together,
    int32_t *totals)
{
    const int8_t *const codebook = job->weights->codebook;
    const size_t stride = job->weights->row_bytes;
    const uint8_t *from[4] = {row, row + stride, row + 2u * stride, row + 3u * stride};
    int32_t sums[4] = {0, 0, 0, 0};
    const int8_t *x = job->in;
    size_t left = job->inputs;
    for (; left >= MLUT_MVE_LANES; left -= MLUT_MVE_LANES, x += MLUT_MVE_LANES) {
        const int8x16_t values = vldrbq_s8(x);
#pragma GCC unroll 4
        for (unsigned r = 0; r < together; r++) {
            const int8x16_t w = mlut_mve_sixteen(codebook, from[r], &form->fields, form->bits,
                form->index_bits, MLUT_MVE_ALL, left == job->inputs);
            sums[r] = vmladavaq_s8(sums[r], w, values);
            from[r] += 2u * form->bits;
        }
    }
    if (left > 0) {
        const mve_pred16_t lanes = vctp8q(left);
        const int8x16_t values = vldrbq_z_s8(x, lanes);
#pragma GCC unroll 4
        for (unsigned r = 0; r < together; r++) {
            const int8x16_t w = mlut_mve_sixteen(codebook, from[r], &form->fields, form->bits,
                form->index_bits, lanes, left == job->inputs);
            sums[r] = vmladavaq_s8(sums[r], w, values);
        }
    }
#pragma GCC unroll 4
    for (unsigned r = 0; r < together; r++) {
        totals[r] = sums[r];
    }
}

static inline __attribute__((always_inline)) void mlut_mve_dense_dot(
    const mlut_mve_dense_rows_t *job, unsigned bits, unsigned index_bits, int32_t *totals)
{
    const mlut_mve_dense_form_t form = {mlut_mve_fields(bits, index_bits), bits, index_bits};
    const size_t stride = job->weights->row_bytes;
    const uint8_t *row = job->first;
    size_t left = job->count;
    const size_t fours = left / 4u;
    if (fours > 0 && (index_bits == 4 || index_bits == 8)) {
        (index_bits == 4 ? mlut_mve_dense_fours_4 : mlut_mve_dense_fours_8)(
            row, stride, job->inputs, job->in, totals, fours, job->weights->codebook);
        left -= 4u * fours;
        row += 4u * fours * stride;
        totals += 4u * fours;
    }
    for (; left >= 4u; left -= 4u, row += 4u * stride, totals += 4) {
        mlut_mve_dense_together(job, &form, row, 4, totals);
    }
    for (; left > 0; left--, row += stride, totals++) {
        mlut_mve_dense_together(job, &form, row, 1, totals);
    }
}

#define MLUT_MVE_DOT(name, bits, index_bits)                                                       \
    void mlut_dot_##name(const mlut_mve_dense_rows_t *job, int32_t *totals)                        \
    {                                                                                              \
        mlut_mve_dense_dot(job, bits, index_bits, totals);                                         \
    }
MLUT_MVE_DOT(2, 2, 2)
MLUT_MVE_DOT(3, 3, 3)
MLUT_MVE_DOT(4, 4, 4)
MLUT_MVE_DOT(5, 5, 5)
MLUT_MVE_DOT(6, 6, 6)
MLUT_MVE_DOT(7, 7, 7)
MLUT_MVE_DOT(8, 8, 8)
MLUT_MVE_DOT(2_6, 2, 6)
MLUT_MVE_DOT(3_6, 3, 6)
MLUT_MVE_DOT(4_6, 4, 6)

/* Layers that were planned for another core have tables, which are of no use here. */
#define MLUT_MVE_DOT_PAIRS(name)                                                                   \
    void mlut_dot_pairs_##name(const mlut_mve_dense_rows_t *job, int32_t *totals)                  \
    {                                                                                              \
        mlut_dot_##name(job, totals);                                                              \
    }
MLUT_MVE_DOT_PAIRS(2)
MLUT_MVE_DOT_PAIRS(3)
MLUT_MVE_DOT_PAIRS(4)
MLUT_MVE_DOT_PAIRS(2_6)
MLUT_MVE_DOT_PAIRS(3_6)

static inline __attribute__((always_inline)) void mlut_mve_dense_finish(const mlut_output_t *stage,
    const uint16_t *words,
    const int32_t *totals,
    size_t count,
    int8_t *out,
    unsigned rounding)
{
    for (size_t left = count; left > 0;) {
        const size_t four = left < 4u ? left : 4u;
        const mve_pred16_t lanes = vctp32q(four);
        const mlut_mve_channels_t channels = mlut_mve_expand(stage, words, lanes, rounding);
        vstrbq_p_s32(out, mlut_mve_output(stage, &channels, vldrwq_s32(totals), rounding), lanes);
        words += four * stage->words;
        totals += four;
        out += four;
        left -= four;
    }
}

void mlut_dense(const mlut_dense_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    (void)scratch;
    const mlut_weights_t *weights = &layer->weights;
    const mlut_output_t *stage = &layer->output;
    mlut_mve_dense_rows_t job = {weights, NULL, in, layer->inputs, 0};
    for (size_t i = 0; i < layer->vectors; i++, job.in += layer->inputs) {
        const uint16_t *words = stage->channels;
        job.first = weights->indices;
        for (size_t left = layer->units; left > 0; left -= job.count, out += job.count) {
            int32_t totals[MLUT_MVE_DENSE_UNITS];
            job.count = left < MLUT_MVE_DENSE_UNITS ? left : MLUT_MVE_DENSE_UNITS;
            layer->dot(&job, totals);
            if (stage->rounding == MLUT_ROUND_ANY) {
                mlut_mve_dense_finish(stage, words, totals, job.count, out, MLUT_ROUND_ANY);
            } else { /* the signed form serves layers of the positive one as well */
                mlut_mve_dense_finish(stage, words, totals, job.count, out, MLUT_ROUND_SIGNED);
            }
            job.first += job.count * weights->row_bytes;
            words += job.count * stage->words;
        }
    }
}

#endif
