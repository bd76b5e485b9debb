/* Fully connected layer with codebook weights: out[u] = stage(bias[u] + w[u] . in).
 *
 * No weight is used twice, so none is written to memory: dense_dots.c decodes them as they are
 * multiplied, four rows at a time. The inputs are widened to pairs of int16, so many at a time that
 * all rows of a usual layer need them once, and that scratch stays small. */
#include "microlut/dense.h"
#include "../isa/isa.h"
#include "dense_rows.h"
#include "output_stage.h"

#if !MLUT_ISA_MVE

/* Units whose sums are finished together. */
#define MLUT_DENSE_UNITS 32u

/* Columns that are widened at a time: whole bytes at any width. */
#define MLUT_DENSE_BLOCK 128u

typedef void mlut_dense_finish_t(const mlut_output_t *stage,
    const uint16_t *words,
    const int32_t *totals,
    size_t count,
    int8_t *out);

/* Pairs of neighbours; zeros fill the last eight. */
static void mlut_dense_widen(const int8_t *x, size_t count, uint32_t *pairs)
{
    mlut_isa_widen(x, count, pairs);
    for (size_t i = (count + 1u) / 2u; i % 4u != 0; i++) {
        pairs[i] = 0;
    }
}

/* Adds a block's products to the sums of some units, or begins these. */
static void mlut_dense_add_block(
    const mlut_dense_t *layer, mlut_dense_rows_t *job, int32_t totals[MLUT_DENSE_UNITS])
{
    if (job->begins != 0) {
        for (size_t r = 0; r < MLUT_DENSE_UNITS; r += 4) { /* by fours, or GCC calls memset */
            totals[r + 3u] = 0;
            totals[r + 2u] = 0;
            totals[r + 1u] = 0;
            totals[r] = 0;
            __asm__ volatile("" ::: "memory");
        }
    }
    layer->dot(job, totals);
}

static void mlut_dense_finish(const mlut_output_t *stage,
    const uint16_t *words,
    const int32_t *totals,
    size_t count,
    int8_t *out)
{
    for (size_t i = 0; i < count; i++, words += stage->words) {
        const mlut_channel_t channel = mlut_expand_channel(stage, words);
        out[i] = mlut_output(stage, &channel, channel.bias + totals[i]);
    }
}

/* The signed form serves layers of the positive one as well: the code of a third is not worth it.
 */
static __attribute__((noinline)) void mlut_dense_finish_quickly(const mlut_output_t *from,
    const uint16_t *words,
    const int32_t *totals,
    size_t count,
    int8_t *out)
{
    mlut_output_t stage = *from; /* in registers */
    stage.rounding = MLUT_ROUND_SIGNED;
    for (const int8_t *const end = out + count; out != end; words += stage.words) {
        const mlut_channel_t channel = mlut_expand_channel(&stage, words);
        *out++ = mlut_quick_output(&channel, channel.bias + *totals++, MLUT_ROUND_SIGNED);
    }
}

void mlut_dense(const mlut_dense_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    const mlut_weights_t *const weights = &layer->weights;
    const unsigned bits = weights->bits;
    const size_t inputs = layer->inputs;
    const size_t width = bits == 8u ? inputs : MLUT_DENSE_BLOCK;
    const mlut_output_t *const stage = &layer->output;
    mlut_dense_finish_t *const finish =
        stage->rounding == MLUT_ROUND_ANY ? mlut_dense_finish : mlut_dense_finish_quickly;
    uint32_t *const x = (uint32_t *)scratch;
    mlut_dense_rows_t job = {
        NULL, weights->row_bytes, 0, 0, 0, in, x, layer->pairs, weights->codebook};

    for (size_t i = 0; i < layer->vectors; i++, in += inputs) {
        for (size_t first = 0; first < layer->units; first += MLUT_DENSE_UNITS) {
            const size_t left = layer->units - first;
            const size_t count = left < MLUT_DENSE_UNITS ? left : MLUT_DENSE_UNITS;
            int32_t totals[MLUT_DENSE_UNITS];
            for (size_t column = 0; column < inputs; column += width) {
                job.in = in + column;
                job.columns = inputs - column < width ? inputs - column : width;
                job.begins = column == 0;
                if (bits < 8u && (first == 0 || inputs > width)) {
                    mlut_dense_widen(job.in, job.columns, x);
                }
                job.first = weights->indices + column * bits / 8u + first * weights->row_bytes;
                job.rows = count;
                mlut_dense_add_block(layer, &job, totals);
            }
            finish(stage, stage->channels + first * stage->words, totals, count, out);
            out += count;
        }
    }
}

#endif
