/* Fully connected layer of int16 values. */
#ifndef MICROLUT_DENSE_16_H
#define MICROLUT_DENSE_16_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fully connected layer over `vectors` inputs between int16 tensors. Rows of `weights`: units;
 * columns: inputs. Of `output`, the zero point, the limits and the rounding do not count. Scratch:
 * as many bytes as inputs; none if bits is 8. */
typedef struct {
    mlut_weights_t weights;
    mlut_output_t output;
    uint32_t vectors;
    uint32_t inputs;
    uint32_t units;
    int16_t minimum;
    int16_t maximum;
} mlut_dense_16_t;

void mlut_dense_16(const mlut_dense_16_t *layer, const void *in, void *out, void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_DENSE_16_H */
