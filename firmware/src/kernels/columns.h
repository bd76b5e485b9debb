/* Receptive fields as columns of int16 pairs, laid out for mlut_isa_tile. */
#ifndef MLUT_COLUMNS_H
#define MLUT_COLUMNS_H

#include "../isa/span.h"
#include "microlut/conv2d.h"

#include <stddef.h>
#include <stdint.h>

/* Write the receptive fields of up to MLUT_COLUMNS output pixels of row y, from number x on. A
 * field is every fourth word, the first one of the first field: four inputs are the pairs (0, 2)
 * and (1, 3), and a last quad is filled with zeros. `patch` takes the bytes of one receptive field
 * if layer->patch is set; zeros follow them up to a multiple of 4. */
void mlut_gather_columns(const mlut_conv2d_t *layer,
    const int8_t *in,
    size_t y,
    size_t x,
    size_t count,
    int8_t *patch,
    uint32_t *columns);

/* Write four pixels of a 1x1 kernel to the columns. */
void mlut_gather_pixels(
    const int8_t *const pixels[MLUT_COLUMNS], size_t channels, uint32_t *columns);

/* Fill columns number `first` to 3 with zeros. */
void mlut_clear_columns(size_t first, size_t quads, uint32_t *columns);

#endif /* MLUT_COLUMNS_H */
