/* Rows of outputs of a 3x3 depthwise kernel by other primitives, for cores without assembly. */
#ifndef MLUT_ISA_PLAIN_ROWS_H
#define MLUT_ISA_PLAIN_ROWS_H

#include "rows.h"

#include <stddef.h>

/* The stage takes a doubled total. */
static inline int8_t mlut_plain_rows_output(
    const mlut_rows_t *rows, int32_t sum, unsigned is_signed)
{
    const int32_t total = rows->bias + sum * (2 / mlut_isa_row_scale);
    const int32_t nudge = is_signed != 0 ? rows->nudge + (total >> 31) : rows->nudge;
    return (int8_t)mlut_isa_saturate(
        mlut_isa_high_add(total, rows->multiplier, nudge) >> rows->shift);
}

/* The entries of a column that meet the pairs of rows (0, 1) and (2, 3). */
typedef struct {
    uint32_t first;
    uint32_t last;
} mlut_plain_taps_t;

static inline int32_t mlut_plain_rows_sum(
    const mlut_plain_taps_t taps[3], const uint32_t *p, const uint32_t *q)
{
    int32_t sum = mlut_isa_dot2(p[0], taps[0].first, 0);
    sum = mlut_isa_dot2(q[0], taps[0].last, sum);
    sum = mlut_isa_dot2(p[MLUT_LANES], taps[1].first, sum);
    sum = mlut_isa_dot2(q[MLUT_LANES], taps[1].last, sum);
    sum = mlut_isa_dot2(p[2u * MLUT_LANES], taps[2].first, sum);
    return mlut_isa_dot2(q[2u * MLUT_LANES], taps[2].last, sum);
}

/* With stride 1, weights are the entries (0, 1) and (1, 2) of a column. The upper output's are (0,
 * 1) and (2, -), the lower one's (-, 0) and (1, 2). */
static inline uint32_t mlut_plain_rows_without_first(uint32_t entry)
{
#if MLUT_PAIR_HALVES
    return entry >> 16;
#else
    return entry << 16;
#endif
}

static inline uint32_t mlut_plain_rows_without_second(uint32_t entry)
{
#if MLUT_PAIR_HALVES
    return entry << 16;
#else
    return (uint32_t)((int32_t)(entry + UINT32_C(0x8000)) >> 16);
#endif
}

static inline __attribute__((always_inline)) void mlut_plain_rows(
    const mlut_rows_t *all, size_t stride, unsigned is_signed)
{
    const mlut_rows_t rows = *all; /* which outputs cannot alias */
    const size_t pitch = rows.pitch / sizeof(uint32_t);
    mlut_plain_taps_t upper[3];
    mlut_plain_taps_t lower[3];
    for (size_t j = 0; j < 3; j++) {
        upper[j].first = lower[j].first = rows.weights[j];
        upper[j].last = lower[j].last = rows.weights[3u + j];
        if (stride == 1) {
            upper[j].last = mlut_plain_rows_without_first(upper[j].last);
            lower[j].first = mlut_plain_rows_without_second(lower[j].first);
        }
    }
    const uint32_t *from = rows.from;
    int8_t *out = rows.out;
    for (size_t i = rows.strips; i > 0; i--, out += rows.across + rows.gap) {
        const uint32_t *p = from;
        int8_t *to = out;
        const int8_t *const end = out + rows.across + (rows.odd != 0 ? rows.step : 0);
        for (; to != end; p += stride * MLUT_LANES, to += rows.step) {
            *to =
                mlut_plain_rows_output(&rows, mlut_plain_rows_sum(upper, p, p + pitch), is_signed);
            if (stride == 1 && rows.below != 0) {
                to[rows.below] = mlut_plain_rows_output(
                    &rows, mlut_plain_rows_sum(lower, p, p + pitch), is_signed);
            }
        }
        from += pitch;
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
