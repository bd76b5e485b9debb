#include "band.h"

#include "microlut/depthwise_conv2d.h"

void mlut_depthwise_conv2d_band(const void *layer, const mlut_band_t *band)
{
    mlut_depthwise_conv2d_t rows = *(const mlut_depthwise_conv2d_t *)layer;
    mlut_take_band(band, &rows.in, &rows.out, &rows.window);
    mlut_depthwise_conv2d(&rows, band->in[0], band->out, band->scratch);
}

void mlut_depthwise_lines_band(const void *layer, const mlut_band_t *band)
{
    mlut_depthwise_conv2d_t rows = *(const mlut_depthwise_conv2d_t *)layer;
    mlut_take_band(band, &rows.in, &rows.out, &rows.window);
    mlut_depthwise_lines(&rows, band->in[0], band->out, band->scratch);
}
