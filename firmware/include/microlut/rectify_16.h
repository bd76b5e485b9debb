/* Functions of int16 values with a slope on either side of zero. */
#ifndef MICROLUT_RECTIFY_16_H
#define MICROLUT_RECTIFY_16_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Each of `count` values times a factor, negative ones times another one and their `sign`. The
 * output may be the input. */
typedef struct {
    mlut_factor_t positive;
    mlut_factor_t negative;
    uint32_t count;
    int8_t sign; /* 1; -1 for magnitudes */
} mlut_rectify_16_t;

void mlut_rectify_16(const mlut_rectify_16_t *layer, const void *in, void *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_RECTIFY_16_H */
