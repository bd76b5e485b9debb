/* Global average of int16 values. */
#ifndef MICROLUT_MEAN_16_H
#define MICROLUT_MEAN_16_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Mean of each channel over `pixels`: the sum of the inputs, times the factor. */
typedef struct {
    uint32_t pixels; /* below 2^16 */
    uint16_t channels;
    mlut_factor_t factor;
} mlut_mean_16_t;

void mlut_mean_16(const mlut_mean_16_t *layer, const void *in, void *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_MEAN_16_H */
