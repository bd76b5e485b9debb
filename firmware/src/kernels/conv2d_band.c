#include "band.h"

#include "microlut/conv2d.h"

void mlut_conv2d_band(const void *layer, const mlut_band_t *band)
{
    mlut_conv2d_t rows = *(const mlut_conv2d_t *)layer;
    mlut_take_band(band, &rows.in, &rows.out, &rows.window);
    mlut_conv2d(&rows, band->in[0], band->out, band->scratch);
}
