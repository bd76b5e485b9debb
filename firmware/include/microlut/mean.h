/* Global average. */
#ifndef MICROLUT_MEAN_H
#define MICROLUT_MEAN_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Mean of each channel over `pixels`, with a quantization of its own: the sum of the inputs less
 * their zero points, times the factor. */
typedef struct {
    uint32_t pixels;
    uint16_t channels;
    int8_t input_zero_point;
    int8_t output_zero_point;
    mlut_factor_t factor;
} mlut_mean_t;

void mlut_mean(const mlut_mean_t *layer, const int8_t *in, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_MEAN_H */
