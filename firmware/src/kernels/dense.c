/* Fully connected layer with codebook weights: out[u] = stage(bias[u] + w[u] . in).
 *
 * No weight is used twice, so none is written to memory: a table turns the indices of two weights
 * into a pair of int16, which meets two inputs, four rows at a time. If two indices have more than
 * MLUT_DENSE_TABLE_BITS the table would be too large, and pairs are put together. With 8 bits
 * per weight there is nothing to decode. */
#include "microlut/dense.h"
#include "../isa/isa.h"
#include "output_stage.h"

#include <string.h>

#if !MLUT_ISA_MVE

#define MLUT_DENSE_ROWS 4u

/* Four rows (the last may be the same), and what they are multiplied with. */
typedef struct mlut_rows {
    const uint8_t *rows[MLUT_DENSE_ROWS];
    size_t count;      /* of rows that are not the same */
    const int8_t *in;  /* the inputs */
    const uint32_t *x; /* the same as pairs of int16, zeros up to a multiple of 8 */
    const uint32_t *table;
    const int8_t *codebook;
    size_t bytes; /* a row */
} mlut_dense_rows_t;

/* Bits of two neighbouring indices that a table is made for at most. */
#define MLUT_DENSE_TABLE_BITS 9u

/* Bytes that hold a whole number of pairs, at least two, and how many. */
static inline unsigned mlut_dense_unit_bytes(unsigned bits)
{
    return bits == 2 ? 2u : bits == 6 ? 3u : bits;
}

static inline unsigned mlut_dense_unit_pairs(unsigned bits)
{
    return mlut_dense_unit_bytes(bits) * 4u / bits;
}

/* Those bytes of a row, behind the bits that the first index has in common with the unit before.
 * Two words instead of 64 bits: GCC shifts both halves even where one is empty. */
typedef struct mlut_unit {
    uint32_t low;
    uint32_t high;
} mlut_dense_unit_t;

static inline __attribute__((always_inline)) uint32_t mlut_dense_load_word(
    const uint8_t *from, size_t bytes)
{
    uint32_t word = 0;
    if (bytes == 2) {
        uint16_t half;
        memcpy(&half, from, sizeof(half));
        return half;
    }
    if (bytes == 4) {
        memcpy(&word, from, sizeof(word));
        return word;
    }
    for (size_t i = 0; i < bytes; i++) {
        word |= (uint32_t)from[i] << (8u * i);
    }
    return word;
}

static inline __attribute__((always_inline)) mlut_dense_unit_t mlut_dense_load_unit(
    const uint8_t *from, size_t bytes, mlut_dense_unit_t last, unsigned bits, unsigned index_bits)
{
    mlut_dense_unit_t unit = {mlut_dense_load_word(from, bytes < 4 ? bytes : 4u), 0};
    if (bytes > 4) {
        unit.high = mlut_dense_load_word(from + 4, bytes - 4u);
    }
    if (index_bits > bits) { /* such units have few bytes */
        unit.low = unit.low << (index_bits - bits) | last.low >> (8u * mlut_dense_unit_bytes(bits));
    }
    return unit;
}

static inline __attribute__((always_inline)) uint32_t mlut_dense_pair_of(
    const mlut_dense_rows_t *job,
    mlut_dense_unit_t unit,
    unsigned bits,
    unsigned index_bits,
    unsigned i)
{
    const unsigned at = 2u * bits * i;
    uint32_t both = at < 32 ? unit.low >> at : unit.high >> (at - 32u);
    if (at < 32 && at + 2u * bits > 32) {
        both |= unit.high << (32u - at);
    }
    if (bits + index_bits <= MLUT_DENSE_TABLE_BITS) {
        return job->table[both & ((1u << (bits + index_bits)) - 1u)];
    }
    const unsigned mask = (1u << index_bits) - 1u;
    return mlut_generic_pair(job->codebook[both & mask], job->codebook[both >> bits & mask]);
}

/* Pair number i of one row or two. */
static inline __attribute__((always_inline)) void mlut_dense_add_pairs(const mlut_dense_rows_t *job,
    const mlut_dense_unit_t units[2],
    unsigned bits,
    unsigned index_bits,
    unsigned together,
    unsigned i,
    const uint32_t *x,
    int32_t totals[2])
{
    totals[0] =
        mlut_isa_mac2(x[i], mlut_dense_pair_of(job, units[0], bits, index_bits, i), totals[0]);
    if (together > 1) {
        totals[1] =
            mlut_isa_mac2(x[i], mlut_dense_pair_of(job, units[1], bits, index_bits, i), totals[1]);
    }
}

/* Rows that are done together, one or two: more run out of registers, and so do two of units with
 * two words. Inlined with constant bits, so that shifts and masks are constants. */
static inline __attribute__((always_inline)) void mlut_dense_dot_together(
    const mlut_dense_rows_t *job,
    unsigned bits,
    unsigned index_bits,
    unsigned together,
    size_t row,
    int32_t totals[])
{
    const uint8_t *p = job->rows[row];
    const uint8_t *q = job->rows[row + together - 1u];
    const uint32_t *x = job->x;
    const unsigned step = mlut_dense_unit_bytes(bits);
    mlut_dense_unit_t units[2] = {{0, 0}, {0, 0}};
    int32_t sums[2] = {totals[0], totals[together - 1u]};
    for (size_t left = job->bytes; left > 0;) {
        if (left >= step) {
            units[0] = mlut_dense_load_unit(p, step, units[0], bits, index_bits);
            units[1] = mlut_dense_load_unit(q, step, units[1], bits, index_bits);
            p += step;
            q += step;
            left -= step;
        } else { /* apart, so that others have a constant size; zeros meet what a row lacks */
            units[0] = mlut_dense_load_unit(p, left, units[0], bits, index_bits);
            units[1] = mlut_dense_load_unit(q, left, units[1], bits, index_bits);
            left = 0;
        }
        mlut_dense_add_pairs(job, units, bits, index_bits, together, 0, x, sums);
        mlut_dense_add_pairs(job, units, bits, index_bits, together, 1, x, sums);
        if (mlut_dense_unit_pairs(bits) > 2) {
            mlut_dense_add_pairs(job, units, bits, index_bits, together, 2, x, sums);
            mlut_dense_add_pairs(job, units, bits, index_bits, together, 3, x, sums);
        }
        x += mlut_dense_unit_pairs(bits);
    }
    totals[0] = sums[0];
    if (together > 1) {
        totals[1] = sums[1];
    }
}

#define MLUT_DOT(name, bits, index_bits, together)                                                 \
    void mlut_dot_##name(const mlut_dense_rows_t *job, int32_t totals[MLUT_DENSE_ROWS])            \
    {                                                                                              \
        for (unsigned row = 0; row < MLUT_DENSE_ROWS; row += (together)) {                         \
            mlut_dense_dot_together(job, bits, index_bits, together, row, totals + row);           \
        }                                                                                          \
    }
MLUT_DOT(2, 2, 2, 2)
MLUT_DOT(3, 3, 3, 2)
MLUT_DOT(5, 5, 5, 1)
MLUT_DOT(6, 6, 6, 2)
MLUT_DOT(7, 7, 7, 1)
MLUT_DOT(2_6, 2, 6, 2)
MLUT_DOT(3_6, 3, 6, 2)

/* A byte is a pair, which meets four rows; unrolled, GCC would run out of registers. */
void mlut_dot_4(const mlut_dense_rows_t *job, int32_t totals[MLUT_DENSE_ROWS])
{
    const uint8_t *p = job->rows[0];
    const uint8_t *q = job->rows[1];
    const uint8_t *r = job->rows[2];
    const uint8_t *s = job->rows[3];
    const uint32_t *const table = job->table;
    const uint32_t *x = job->x;
    int32_t t0 = totals[0];
    int32_t t1 = totals[1];
    int32_t t2 = totals[2];
    int32_t t3 = totals[3];
    for (const uint8_t *const end = p + job->bytes; p != end; x++) {
        t0 = mlut_isa_mac2(*x, table[*p++], t0);
        t1 = mlut_isa_mac2(*x, table[*q++], t1);
        t2 = mlut_isa_mac2(*x, table[*r++], t2);
        t3 = mlut_isa_mac2(*x, table[*s++], t3);
    }
    totals[0] = t0;
    totals[1] = t1;
    totals[2] = t2;
    totals[3] = t3;
}

/* A byte is a pair, too, and its first index begins with two bits of the byte before. Layers with
 * such indices are small, and so is this. */
void mlut_dot_4_6(const mlut_dense_rows_t *job, int32_t totals[MLUT_DENSE_ROWS])
{
    const int8_t *const codebook = job->codebook;
    for (size_t r = 0; r < MLUT_DENSE_ROWS; r++) {
        const uint8_t *p = job->rows[r];
        const uint32_t *x = job->x;
        uint32_t both = 0;
        int32_t total = totals[r];
        for (const uint8_t *const end = p + job->bytes; p != end; x++) {
            both = both >> 8 | (uint32_t)*p++ << 2;
            total = mlut_isa_mac2(
                *x, mlut_generic_pair(codebook[both & 63u], codebook[both >> 4]), total);
        }
        totals[r] = total;
    }
}

void mlut_dot_8(const mlut_dense_rows_t *job, int32_t totals[MLUT_DENSE_ROWS])
{
    const int8_t *first = (const int8_t *)job->rows[0];
    if (job->count == MLUT_DENSE_ROWS) {
        mlut_isa_dot4(job->in, first, job->bytes, job->bytes, totals);
        return;
    }
    for (size_t r = 0; r < job->count; r++) {
        totals[r] = mlut_isa_dot(job->in, first + r * job->bytes, job->bytes, totals[r]);
    }
}

static void mlut_dense_fill_table(const mlut_weights_t *weights, uint32_t *table)
{
    const unsigned bits = weights->bits;
    const uint32_t mask = (UINT32_C(1) << weights->index_bits) - 1u;
    for (uint32_t both = 0; both >> (bits + weights->index_bits) == 0; both++) {
        const int8_t first = weights->codebook[both & mask];
        *table++ = mlut_generic_pair(first, weights->codebook[both >> bits]);
    }
}

/* Pairs of neighbours; zeros fill the last eight. */
static void mlut_dense_widen_pairs(const int8_t *x, size_t count, uint32_t *pairs)
{
    const size_t even = count & ~(size_t)1;
    for (size_t i = 0; i < even; i += 2) {
        *pairs++ = mlut_generic_pair(x[i], x[i + 1u]);
    }
    if (even < count) {
        *pairs++ = mlut_generic_pair(x[even], 0);
    }
    for (size_t i = (count + 1u) / 2u; i % 4u != 0; i++) {
        *pairs++ = 0;
    }
}

/* The signed form serves layers of the positive one as well: the code of a third is not worth it.
 */
static inline int8_t mlut_dense_finish(
    const mlut_output_t *stage, const mlut_channel_t *channel, int32_t products)
{
    const int32_t total = channel->bias + products;
    return stage->rounding == MLUT_ROUND_ANY ? mlut_output(stage, channel, total)
                                             : mlut_quick_output(channel, total, MLUT_ROUND_SIGNED);
}

void mlut_dense(const mlut_dense_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    const mlut_weights_t *weights = &layer->weights;
    uint32_t *table = (uint32_t *)scratch;
    const unsigned both = (unsigned)weights->bits + weights->index_bits;
    uint32_t *x = table + (both <= MLUT_DENSE_TABLE_BITS ? (size_t)1 << both : 0u);
    mlut_dense_rows_t job = {{NULL}, 0, in, x, table, weights->codebook, weights->row_bytes};

    if (both <= MLUT_DENSE_TABLE_BITS) {
        mlut_dense_fill_table(weights, table);
    }
    for (size_t i = 0; i < layer->vectors; i++, job.in += layer->inputs) {
        if (weights->bits < 8) {
            mlut_dense_widen_pairs(job.in, layer->inputs, x);
        }
        for (size_t row = 0; row < layer->units; row += MLUT_DENSE_ROWS) {
            mlut_channel_t channels[MLUT_DENSE_ROWS];
            int32_t totals[MLUT_DENSE_ROWS] = {0, 0, 0, 0};
            job.count = layer->units - row < MLUT_DENSE_ROWS ? layer->units - row : MLUT_DENSE_ROWS;
            for (size_t r = 0; r < MLUT_DENSE_ROWS; r++) {
                const size_t mine = row + (r < job.count ? r : job.count - 1u);
                job.rows[r] = weights->indices + mine * weights->row_bytes;
            }
            layer->dot(&job, totals);
            mlut_expand_channels(&layer->output, row, job.count, channels);
            for (size_t r = 0; r < job.count; r++) {
                *out++ = mlut_dense_finish(&layer->output, channels + r, totals[r]);
            }
        }
    }
}

#endif
