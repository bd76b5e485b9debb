/* Tensors in another type or scale. */
#ifndef MICROLUT_REQUANTIZE_H
#define MICROLUT_REQUANTIZE_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Each of `count` values less its zero point, times the factor, plus the output's zero point. */
typedef struct {
    uint32_t count;
    mlut_factor_t factor;
    int16_t input_zero_point;
    int16_t output_zero_point;
} mlut_requantize_t;

void mlut_requantize_8_16(const mlut_requantize_t *layer, const void *in, void *out);
void mlut_requantize_16_8(const mlut_requantize_t *layer, const void *in, void *out);
void mlut_requantize_16_16(const mlut_requantize_t *layer, const void *in, void *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_REQUANTIZE_H */
