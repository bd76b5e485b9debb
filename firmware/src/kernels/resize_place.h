/* Where the pixels of a resized picture lie in the one it is made of. */
#ifndef MLUT_RESIZE_PLACE_H
#define MLUT_RESIZE_PLACE_H

#include "microlut/resize_bilinear.h"

#define MLUT_RESIZE_ONE 1024

/* Where a pixel of the output lies along an axis. */
typedef struct {
    size_t low;    /* the pixel of the input before it */
    size_t high;   /* the one behind it, or the same at the end */
    int32_t share; /* of the one behind it, in 1/1024 */
} mlut_resize_place_t;

static inline mlut_resize_place_t mlut_resize_place(
    const mlut_resize_axis_t *axis, uint32_t index, uint32_t size)
{
    const int32_t place = axis->start + (int32_t)(axis->step * index);
    const uint32_t at = place < 0 ? 0 : (uint32_t)place;
    mlut_resize_place_t found;
    found.low = at / MLUT_RESIZE_ONE;
    found.high = found.low;
    found.share = 0;
    if (found.low + 1 < size) {
        found.high = found.low + 1;
        found.share = (int32_t)(at % MLUT_RESIZE_ONE);
    }
    return found;
}

#endif /* MLUT_RESIZE_PLACE_H */
