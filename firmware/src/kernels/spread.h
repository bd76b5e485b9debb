/* Pixels of two rows, or neighbours along one, as pairs of int16: what depthwise convolutions
 * multiply. */
#ifndef MLUT_SPREAD_H
#define MLUT_SPREAD_H

#include "../isa/isa.h"
#include "../small.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Pixels of a row or column, or padding. */
typedef struct {
    const int8_t *from;
    size_t step; /* bytes from one pixel to the next one; 0: all are the same */
} mlut_pixels_t;

/* Spread pixels of two rows. Of each, four bytes are read and shifted right by `unused` bits: the
 * channels before those that are meant. */
static MLUT_INLINE void mlut_spread_pixels(mlut_pixels_t upper,
    mlut_pixels_t lower,
    size_t count,
    unsigned unused,
    bool aligned,
    uint32_t *to)
{
    for (const uint32_t *const end = to + MLUT_LANES * count; to != end; to += MLUT_LANES) {
        uint32_t a;
        uint32_t b;
        memcpy(&a, aligned ? __builtin_assume_aligned(upper.from, 4) : upper.from, sizeof(a));
        memcpy(&b, aligned ? __builtin_assume_aligned(lower.from, 4) : lower.from, sizeof(b));
        mlut_isa_put_pairs(a >> unused, b >> unused, to);
        upper.from += upper.step;
        lower.from += lower.step;
    }
}

/* The same of fewer than four channels that have none before them. */
static __attribute__((noinline)) void mlut_spread_few(
    mlut_pixels_t upper, mlut_pixels_t lower, size_t count, size_t lanes, uint32_t *to)
{
    for (; count > 0; count--, to += MLUT_LANES) {
        for (size_t i = 0; i < lanes; i++) {
            to[i] = mlut_isa_pair(upper.from[i], lower.from[i]);
        }
        upper.from += upper.step;
        lower.from += lower.step;
    }
}

/* Spread `lanes` channels of pixels whose bytes begin `back` channels before these. */
static MLUT_INLINE void mlut_spread(const mlut_pixels_t rows[2],
    size_t count,
    size_t lanes,
    size_t back,
    bool aligned,
    uint32_t *to)
{
    if (lanes == MLUT_LANES && aligned) {
        mlut_spread_pixels(rows[0], rows[1], count, 0, true, to);
    } else if (lanes == MLUT_LANES) {
        mlut_spread_pixels(rows[0], rows[1], count, 0, false, to);
    } else if (back == MLUT_LANES - lanes) {
        mlut_spread_pixels(rows[0], rows[1], count, 8u * (unsigned)back, false, to);
    } else {
        mlut_spread_few(rows[0], rows[1], count, lanes, to);
    }
}

#endif /* MLUT_SPREAD_H */
