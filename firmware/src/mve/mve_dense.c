/* Fully connected layer with codebook weights for cores with MVE: out[u] = stage(bias[u] + w[u] .
 * in). No weight is used twice, so 16 at a time are decoded and multiplied at once; scratch is not
 * needed. */
#include "../isa/isa.h"

#if MLUT_ISA_MVE

#include "block.h"
#include "microlut/dense.h"
#include "output.h"

#define MLUT_MVE_DENSE_ROWS 4u

/* Up to four rows, and what they are multiplied with. */
typedef struct mlut_rows {
    const mlut_weights_t *weights;
    const uint8_t *first;
    const int8_t *in;
    size_t inputs;
    size_t count; /* of rows */
} mlut_mve_dense_rows_t;

/* Inlined with constant bits, so that shifts are constants. */
static inline __attribute__((always_inline)) void mlut_mve_dense_dot(
    const mlut_mve_dense_rows_t *job,
    unsigned bits,
    unsigned index_bits,
    int32_t totals[MLUT_MVE_DENSE_ROWS])
{
    const mlut_mve_fields_t fields = mlut_mve_fields(bits, index_bits);
    const int8_t *codebook = job->weights->codebook;
    const uint8_t *row = job->first;
    for (size_t r = 0; r < job->count; r++, row += job->weights->row_bytes) {
        const uint8_t *from = row;
        const int8_t *x = job->in;
        size_t left = job->inputs;
        int32_t total = 0;
        for (; left >= MLUT_MVE_LANES; left -= MLUT_MVE_LANES, x += MLUT_MVE_LANES) {
            const int8x16_t w = mlut_mve_sixteen(
                codebook, from, &fields, bits, index_bits, MLUT_MVE_ALL, left == job->inputs);
            total = vmladavaq_s8(total, w, vldrbq_s8(x));
            from += 2u * bits;
        }
        if (left > 0) {
            const mve_pred16_t lanes = vctp8q(left);
            const int8x16_t w = mlut_mve_sixteen(
                codebook, from, &fields, bits, index_bits, lanes, left == job->inputs);
            total = vmladavaq_s8(total, w, vldrbq_z_s8(x, lanes));
        }
        totals[r] = total;
    }
}

#define MLUT_MVE_DOT(name, bits, index_bits)                                                       \
    void mlut_dot_##name(const mlut_mve_dense_rows_t *job, int32_t totals[MLUT_MVE_DENSE_ROWS])    \
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

static inline __attribute__((always_inline)) int32x4_t mlut_mve_dense_finish(
    const mlut_output_t *stage,
    const mlut_channel_t *expanded,
    const int32_t *totals,
    unsigned rounding)
{
    const mlut_mve_channels_t channels = mlut_mve_channels(expanded, rounding);
    return mlut_mve_output(stage, &channels, vldrwq_s32(totals), rounding);
}

void mlut_dense(const mlut_dense_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    (void)scratch;
    const mlut_weights_t *weights = &layer->weights;
    mlut_mve_dense_rows_t job = {weights, NULL, in, layer->inputs, 0};
    for (size_t i = 0; i < layer->vectors; i++, job.in += layer->inputs) {
        job.first = weights->indices;
        for (size_t row = 0; row < layer->units; row += MLUT_MVE_DENSE_ROWS, out += job.count) {
            mlut_channel_t expanded[MLUT_MVE_DENSE_ROWS] = {{0, 0, 0, 0}};
            int32_t totals[MLUT_MVE_DENSE_ROWS] = {0};
            job.count =
                layer->units - row < MLUT_MVE_DENSE_ROWS ? layer->units - row : MLUT_MVE_DENSE_ROWS;
            layer->dot(&job, totals);
            mlut_expand_channels(&layer->output, row, job.count, expanded);
            /* the signed form serves layers of the positive one as well */
            const int32x4_t done =
                layer->output.rounding == MLUT_ROUND_ANY
                    ? mlut_mve_dense_finish(&layer->output, expanded, totals, MLUT_ROUND_ANY)
                    : mlut_mve_dense_finish(&layer->output, expanded, totals, MLUT_ROUND_SIGNED);
            vstrbq_p_s32(out, done, vctp32q(job.count));
            job.first += MLUT_MVE_DENSE_ROWS * weights->row_bytes;
        }
    }
}

#endif
