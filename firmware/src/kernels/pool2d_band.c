#include "band.h"

#include "microlut/pool2d.h"

void mlut_max_pool2d_band(const void *layer, const mlut_band_t *band)
{
    mlut_pool2d_t rows = *(const mlut_pool2d_t *)layer;
    mlut_take_band(band, &rows.in, &rows.out, &rows.window);
    mlut_max_pool2d(&rows, band->in[0], band->out);
}

void mlut_average_pool2d_band(const void *layer, const mlut_band_t *band)
{
    mlut_pool2d_t rows = *(const mlut_pool2d_t *)layer;
    mlut_take_band(band, &rows.in, &rows.out, &rows.window);
    mlut_average_pool2d(&rows, band->in[0], band->out);
}
