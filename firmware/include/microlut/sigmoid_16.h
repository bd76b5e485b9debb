/* Sigmoid and tanh of int16 values. */
#ifndef MICROLUT_SIGMOID_16_H
#define MICROLUT_SIGMOID_16_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A function of each of `count` values, in Q0.15. Values times `multiplier` / 2^shift are in thirds
 * of 2^-12. The output may be the input. */
typedef struct {
    uint32_t count;
    uint16_t multiplier;
    uint8_t shift;
} mlut_sigmoid_16_t;

void mlut_sigmoid_16(const mlut_sigmoid_16_t *layer, const void *in, void *out);
void mlut_tanh_16(const mlut_sigmoid_16_t *layer, const void *in, void *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_SIGMOID_16_H */
