/* Products of four rows of packed weights, decoded on the way.
 *
 * A table turns the indices of two neighbours into a pair of int16, which meets two inputs; without
 * a table, pairs are put together. With 8 bits per weight there is nothing to decode. */
#include "../isa/isa.h"
#include "dense_rows.h"

#include <stdbool.h>
#include <string.h>

#if !MLUT_ISA_MVE

/* How indices lie in a row, and whether a table decodes two. */
typedef struct {
    unsigned bits;
    unsigned index_bits;
    int table;
} mlut_dense_fields_t;

/* Bytes that hold a whole number of pairs, at least two. */
static inline unsigned mlut_dense_unit_bytes(unsigned bits)
{
    return bits == 2 ? 2u : bits == 6 ? 3u : bits == 4 ? 4u : bits;
}

/* Those bytes of a row. Two words instead of 64 bits: GCC shifts both halves even where one is
 * empty. */
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

/* `before`: the bits that the first index has in common with others. */
static inline __attribute__((always_inline)) mlut_dense_unit_t mlut_dense_load_unit(
    const uint8_t *from, size_t bytes, uint32_t *before, mlut_dense_fields_t fields)
{
    const unsigned overlap = fields.index_bits - fields.bits;
    mlut_dense_unit_t unit = {mlut_dense_load_word(from, bytes < 4 ? bytes : 4u), 0};
    if (bytes > 4) {
        unit.high = mlut_dense_load_word(from + 4, bytes - 4u);
    }
    if (overlap > 0) {
        const uint32_t own = unit.low;
        unit.high = bytes == 4 ? own >> (32u - overlap) : 0u;
        unit.low = own << overlap | *before;
        *before = own >> (8u * bytes - overlap);
    }
    return unit;
}

static inline __attribute__((always_inline)) uint32_t mlut_dense_pair_of(
    const mlut_dense_rows_t *job, mlut_dense_unit_t unit, mlut_dense_fields_t fields, unsigned i)
{
    const unsigned both_bits = fields.bits + fields.index_bits;
    const unsigned at = 2u * fields.bits * i;
    uint32_t both = at < 32 ? unit.low >> at : unit.high >> (at - 32u);
    if (at < 32 && at + both_bits > 32) {
        both |= unit.high << (32u - at);
    }
    if (fields.table != 0) {
        return job->pairs[both & ((1u << both_bits) - 1u)];
    }
    const unsigned mask = (1u << fields.index_bits) - 1u;
    return mlut_isa_entry(job->codebook[both & mask], job->codebook[both >> fields.bits & mask]);
}

/* Multiplies rows that are done together, one or two: more run out of registers, and so do two of
 * units with two words. Inlined with constant fields, so that shifts and masks are constants. */
static inline __attribute__((always_inline)) void mlut_dense_dot_together(
    const mlut_dense_rows_t *job,
    mlut_dense_fields_t fields,
    unsigned together,
    size_t row,
    int32_t totals[])
{
    const unsigned overlap = fields.index_bits - fields.bits;
    const unsigned step = mlut_dense_unit_bytes(fields.bits);
    const unsigned pairs = step * 4u / fields.bits;
    const uint8_t *p = job->first + row * job->stride;
    const bool two = together > 1 && row + 1u < job->rows; /* the last may be alone */
    const uint8_t *q = two ? p + job->stride : p;
    const uint32_t *x = job->x;
    uint32_t before[2] = {0, 0};
    int32_t sums[2] = {totals[0], two ? totals[1] : 0};
    if (overlap > 0 && !job->begins) {
        before[0] = (uint32_t)p[-1] >> (8u - overlap);
        before[1] = (uint32_t)q[-1] >> (8u - overlap);
    }
    for (size_t left = (job->columns * fields.bits + 7u) / 8u; left > 0; x += pairs) {
        mlut_dense_unit_t units[2];
        if (left >= step) {
            units[0] = mlut_dense_load_unit(p, step, before, fields);
            units[1] = mlut_dense_load_unit(q, step, before + 1, fields);
            p += step;
            q += step;
            left -= step;
        } else { /* apart, so that others have a constant size; zeros meet what a row lacks */
            units[0] = mlut_dense_load_unit(p, left, before, fields);
            units[1] = mlut_dense_load_unit(q, left, before + 1, fields);
            left = 0;
        }
#pragma GCC unroll 8
        for (unsigned i = 0; i < pairs; i++) {
            sums[0] = mlut_isa_dot2(x[i], mlut_dense_pair_of(job, units[0], fields, i), sums[0]);
            if (together > 1) {
                sums[1] =
                    mlut_isa_dot2(x[i], mlut_dense_pair_of(job, units[1], fields, i), sums[1]);
            }
        }
    }
    totals[0] = sums[0];
    if (two) {
        totals[1] = sums[1];
    }
}

#define MLUT_DOT(name, bits, index_bits, table, together)                                          \
    void mlut_dot_##name(const mlut_dense_rows_t *job, int32_t *totals)                            \
    {                                                                                              \
        for (size_t row = 0; row < job->rows; row += (together)) {                                 \
            mlut_dense_dot_together(                                                               \
                job, (mlut_dense_fields_t){bits, index_bits, table}, together, row, totals + row); \
        }                                                                                          \
    }
MLUT_DOT(2, 2, 2, 0, 1)
MLUT_DOT(3, 3, 3, 0, 1)
MLUT_DOT(4, 4, 4, 0, 1)
MLUT_DOT(2_6, 2, 6, 0, 1)
MLUT_DOT(3_6, 3, 6, 0, 1)
MLUT_DOT(4_6, 4, 6, 0, 1)
MLUT_DOT(pairs_2, 2, 2, 1, 2)
MLUT_DOT(pairs_3, 3, 3, 1, 2)
#if defined(MLUT_DSP_WINDOWS)
/* What is left of eight columns at the end is done in C. */
static inline __attribute__((always_inline)) mlut_dense_rows_t mlut_dense_left_over(
    const mlut_dense_rows_t *job, unsigned bits)
{
    const size_t eights = job->columns / 8u;
    mlut_dense_rows_t rest = *job;
    rest.first += eights * bits;
    rest.x += 4u * eights;
    rest.columns %= 8u;
    rest.begins &= eights == 0;
    return rest;
}

#define MLUT_DOT_EIGHTS(name, form, bits, index_bits, is_table, looked_up)                         \
    static __attribute__((noinline)) void mlut_dense_end_##name(                                   \
        const mlut_dense_rows_t *job, int32_t *totals)                                             \
    {                                                                                              \
        const mlut_dense_rows_t rest = mlut_dense_left_over(job, bits);                            \
        for (size_t row = 0; row < job->rows; row++) {                                             \
            mlut_dense_dot_together(                                                               \
                &rest, (mlut_dense_fields_t){bits, index_bits, is_table}, 1, row, totals + row);   \
        }                                                                                          \
    }                                                                                              \
    void mlut_dot_##name(const mlut_dense_rows_t *job, int32_t *totals)                            \
    {                                                                                              \
        const size_t eights = job->columns / 8u;                                                   \
        const int begins = (index_bits) > (bits) ? job->begins : 0;                                \
        const size_t twos = job->rows / 2u;                                                        \
        if (eights > 0 && twos > 0) {                                                              \
            mlut_dsp_##form(                                                                       \
                job->first, job->stride, eights, job->looked_up, job->x, totals, twos, begins);    \
        }                                                                                          \
        if (eights > 0 && job->rows % 2u != 0) { /* the last row is alone: twice */                \
            int32_t two[2] = {totals[2u * twos], 0};                                               \
            mlut_dsp_##form(job->first + 2u * twos * job->stride, 0, eights, job->looked_up,       \
                job->x, two, 1, begins);                                                           \
            totals[2u * twos] = two[0];                                                            \
        }                                                                                          \
        if (job->columns % 8u != 0) {                                                              \
            mlut_dense_end_##name(job, totals);                                                    \
        }                                                                                          \
    }
MLUT_DOT_EIGHTS(5, levels_5, 5, 5, 0, codebook)
MLUT_DOT_EIGHTS(6, levels_6, 6, 6, 0, codebook)
MLUT_DOT_EIGHTS(7, levels_7, 7, 7, 0, codebook)
MLUT_DOT_EIGHTS(pairs_2_6, windows_2_6, 2, 6, 1, pairs)
MLUT_DOT_EIGHTS(pairs_3_6, windows_3_6, 3, 6, 1, pairs)
#else
MLUT_DOT(5, 5, 5, 0, 1)
MLUT_DOT(6, 6, 6, 0, 2)
MLUT_DOT(7, 7, 7, 0, 1)
MLUT_DOT(pairs_2_6, 2, 6, 1, 2)
MLUT_DOT(pairs_3_6, 3, 6, 1, 2)
#endif

/* A byte is a pair. The last four rows end with the last one, even where some of them were added
 * before: layers of fewer rows have no table. */
void mlut_dot_pairs_4(const mlut_dense_rows_t *job, int32_t *totals)
{
    const size_t left = job->rows % MLUT_DENSE_ROWS;
    const size_t fours = job->rows / MLUT_DENSE_ROWS;
    const size_t bytes = (job->columns + 1u) / 2u;
    if (fours > 0) {
        mlut_isa_lookup4(job->first, job->stride, bytes, job->pairs, job->x, totals, fours);
    }
    if (left > 0) {
        int32_t four[MLUT_DENSE_ROWS] = {0, 0, 0, 0};
        const uint8_t *first = job->first + fours * MLUT_DENSE_ROWS * job->stride;
        first -= (MLUT_DENSE_ROWS - left) * job->stride;
        mlut_isa_lookup4(first, job->stride, bytes, job->pairs, job->x, four, 1);
        for (size_t i = 0; i < left; i++) {
            totals[MLUT_DENSE_ROWS * fours + i] += four[MLUT_DENSE_ROWS - left + i];
        }
    }
}

void mlut_dot_8(const mlut_dense_rows_t *job, int32_t *totals)
{
    const int8_t *const first = (const int8_t *)job->first;
    const size_t whole = job->rows & ~(size_t)(MLUT_DENSE_ROWS - 1u);
    if (whole > 0) {
        mlut_isa_dot4(job->in, first, job->stride, job->columns, totals, whole / MLUT_DENSE_ROWS);
    }
    for (size_t row = whole; row < job->rows; row++) {
        totals[row] = mlut_isa_dot(job->in, first + row * job->stride, job->columns, totals[row]);
    }
}

#endif
