/* Packed indices to int8 weights. */
#ifndef MLUT_DECODE_H
#define MLUT_DECODE_H

#include "microlut/layer.h"

#include <stddef.h>

/* Decode `count` weights of row `row` from column `first` on, where first * bits is a multiple of
 * 8. Reads no byte beyond the last index. */
void mlut_decode(
    const mlut_weights_t *weights, size_t row, size_t first, size_t count, int8_t *out);

/* Decode the first `columns` weights of row `row`, whose indices may overlap: then the lower bits
 * of one are the upper bits of the one before it. */
void mlut_decode_row(const mlut_weights_t *weights, size_t row, size_t columns, int8_t *out);

#endif /* MLUT_DECODE_H */
