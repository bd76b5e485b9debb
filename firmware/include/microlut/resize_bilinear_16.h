/* Pictures of int16 values of another size, interpolated linearly. */
#ifndef MICROLUT_RESIZE_BILINEAR_16_H
#define MICROLUT_RESIZE_BILINEAR_16_H

#include "resize_bilinear.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef mlut_resize_bilinear_t mlut_resize_bilinear_16_t;

void mlut_resize_bilinear_16(const mlut_resize_bilinear_16_t *layer, const void *in, void *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_RESIZE_BILINEAR_16_H */
