/* Pictures of another size, interpolated linearly. */
#ifndef MICROLUT_RESIZE_BILINEAR_H
#define MICROLUT_RESIZE_BILINEAR_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the pixels of the output lie along an axis of the input, in 1/1024 pixels. */
typedef struct {
    uint32_t step;
    int32_t start; /* of the first; places below 0 count as 0 */
} mlut_resize_axis_t;

typedef struct {
    mlut_shape_t in;
    mlut_shape_t out;
    mlut_resize_axis_t y;
    mlut_resize_axis_t x;
} mlut_resize_bilinear_t;

void mlut_resize_bilinear(const mlut_resize_bilinear_t *layer, const int8_t *in, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_RESIZE_BILINEAR_H */
