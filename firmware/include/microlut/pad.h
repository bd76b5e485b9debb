/* Padding that no convolution takes over. */
#ifndef MICROLUT_PAD_H
#define MICROLUT_PAD_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Pad a picture with `value`. */
typedef struct {
    mlut_shape_t in;
    mlut_shape_t out;
    uint16_t pad_top;
    uint16_t pad_left;
    int8_t value;
} mlut_pad_t;

void mlut_pad(const mlut_pad_t *layer, const int8_t *in, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_PAD_H */
