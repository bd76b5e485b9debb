/* Rows of outputs of a 3x3 depthwise kernel by other primitives, for cores without assembly. */
#ifndef MLUT_ISA_PLAIN_ROWS_H
#define MLUT_ISA_PLAIN_ROWS_H

#include "rows.h"

#include <stdbool.h>

static inline int8_t mlut_plain_rows_output(
    const mlut_rows_t *rows, int32_t total, unsigned is_signed)
{
    const int32_t nudge = is_signed != 0 ? rows->nudge + (total >> 31) : rows->nudge;
    return (int8_t)mlut_isa_saturate(
        mlut_isa_high_add(total, rows->multiplier, nudge) >> rows->shift);
}

/* Of four rows that lie in pairs, one output of the upper three or the lower three, or both. */
#define MLUT_PLAIN_ROWS_UPPER 1u
#define MLUT_PLAIN_ROWS_LOWER 2u

static inline __attribute__((always_inline)) void mlut_plain_rows_column(const mlut_rows_t *rows,
    const int32_t weights[9],
    const uint32_t *p,
    unsigned which,
    unsigned is_signed,
    int8_t *out)
{
    const uint32_t *q = p + rows->pitch / sizeof(uint32_t);
    int32_t upper = rows->bias;
    int32_t lower = rows->bias;
    for (size_t j = 0; j < 3; j++, p += MLUT_LANES, q += MLUT_LANES) {
        const int32_t x[4] = {(int16_t)*p, (int32_t)*p >> 16, (int16_t)*q, (int32_t)*q >> 16};
        upper += weights[j] * x[0] + weights[3u + j] * x[1] + weights[6u + j] * x[2];
        lower += weights[j] * x[1] + weights[3u + j] * x[2] + weights[6u + j] * x[3];
    }
    if ((which & MLUT_PLAIN_ROWS_UPPER) != 0) {
        *out = mlut_plain_rows_output(rows, upper, is_signed);
        out += rows->below;
    }
    if ((which & MLUT_PLAIN_ROWS_LOWER) != 0) {
        *out = mlut_plain_rows_output(rows, lower, is_signed);
    }
}

static inline __attribute__((always_inline)) void mlut_plain_rows(
    const mlut_rows_t *all, size_t stride, unsigned is_signed)
{
    const mlut_rows_t rows = *all; /* which outputs cannot alias */
    int32_t weights[9];
    for (size_t j = 0; j < 3; j++) {
        const uint32_t first = rows.weights[j];
        const uint32_t last = rows.weights[3u + j];
        const bool lower = rows.lower != 0;
        weights[j] = lower ? (int32_t)first >> 16 : (int16_t)first;
        weights[3u + j] = lower ? (int16_t)last : (int32_t)first >> 16;
        weights[6u + j] = lower || stride == 1 ? (int32_t)last >> 16 : (int16_t)last;
    }
    const uint32_t *from = rows.from;
    int8_t *out = rows.out;
    for (size_t i = rows.strips; i > 0; i--, out += rows.across + rows.gap) {
        const uint32_t *p = from;
        int8_t *to = out;
        const int8_t *const end = out + rows.across + (rows.odd != 0 ? rows.step : 0);
        for (; to != end; p += stride * MLUT_LANES, to += rows.step) {
            if (stride == 1 && rows.below != 0) {
                mlut_plain_rows_column(&rows, weights, p,
                    MLUT_PLAIN_ROWS_UPPER | MLUT_PLAIN_ROWS_LOWER, is_signed, to);
            } else if (stride == 2 && rows.lower != 0) {
                mlut_plain_rows_column(&rows, weights, p, MLUT_PLAIN_ROWS_LOWER, is_signed, to);
            } else {
                mlut_plain_rows_column(&rows, weights, p, MLUT_PLAIN_ROWS_UPPER, is_signed, to);
            }
        }
        from += rows.pitch / sizeof(uint32_t);
    }
}

static inline void mlut_plain_rows_signed(const mlut_rows_t *rows)
{
    mlut_plain_rows(rows, 1, 1);
}

static inline void mlut_plain_rows_positive(const mlut_rows_t *rows)
{
    mlut_plain_rows(rows, 1, 0);
}

static inline void mlut_plain_rows_2_signed(const mlut_rows_t *rows)
{
    mlut_plain_rows(rows, 2, 1);
}

static inline void mlut_plain_rows_2_positive(const mlut_rows_t *rows)
{
    mlut_plain_rows(rows, 2, 0);
}

#endif /* MLUT_ISA_PLAIN_ROWS_H */
