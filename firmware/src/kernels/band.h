/* The layer that computes a band of another one. */
#ifndef MLUT_BAND_H
#define MLUT_BAND_H

#include "microlut/segment.h"

/* Make a layer that of a band: kernels take what is below the input for padding anyway. */
static inline void mlut_take_band(
    const mlut_band_t *band, mlut_shape_t *in, mlut_shape_t *out, mlut_window_t *window)
{
    in->height = band->in_rows;
    out->height = band->out_rows;
    window->pad_top = band->pad_top;
}

#endif /* MLUT_BAND_H */
