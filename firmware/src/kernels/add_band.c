#include "microlut/add.h"
#include "microlut/segment.h"

void mlut_add_band(const void *layer, const mlut_band_t *band)
{
    mlut_add_t rows = *(const mlut_add_t *)layer;
    rows.count = band->out_rows * band->row_bytes;
    mlut_add(&rows, band->in[0], band->in[1], band->out);
}
