/* What normalizations of int8 and int16 values share: the factor of a group, and the limits of
 * normalized values. */
#ifndef MLUT_NORMALIZE_H
#define MLUT_NORMALIZE_H

#include "../inverse_root.h"

#define MLUT_NORMALIZE_LARGEST 32767 /* normalized value of 16 bits */
#define MLUT_NORMALIZE_ROOT_BITS 30
#define MLUT_NORMALIZE_MOST_SHIFTED 31

/* 2^value_bits / sqrt(spread * 4^spread_shift + epsilon) */
static inline mlut_factor_t mlut_normalize_factor(
    int64_t spread, int spread_shift, int64_t epsilon, int value_bits)
{
    int shift = spread_shift;
    spread = shift < 0 ? spread >> (-2 * shift) : spread << (2 * shift);
    spread += epsilon;
    while (spread >> MLUT_NORMALIZE_ROOT_BITS != 0) {
        spread >>= 2;
        shift--;
    }
    mlut_factor_t factor = mlut_inverse_root((int32_t)spread);
    shift += factor.shift + value_bits;
    if (shift < -MLUT_NORMALIZE_MOST_SHIFTED) {
        shift = -MLUT_NORMALIZE_MOST_SHIFTED;
    } else if (shift > MLUT_NORMALIZE_MOST_SHIFTED) {
        shift = MLUT_NORMALIZE_MOST_SHIFTED; /* all values are 0 */
    } else {
        /* shifted as computed */
    }
    factor.shift = (int8_t)shift;
    return factor;
}

static inline int32_t mlut_normalize_limited(int32_t x, int32_t largest)
{
    const int32_t raised = x < -largest ? -largest : x;
    return raised > largest ? largest : raised;
}

#endif /* MLUT_NORMALIZE_H */
