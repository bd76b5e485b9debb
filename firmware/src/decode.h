/* Packed indices to int8 weights. */
#ifndef MLUT_DECODE_H
#define MLUT_DECODE_H

#include "microlut/microlut.h"

#include <stddef.h>

/* Decode `count` weights of row `row` from column `first` on, where first * bits is a multiple of
 * 8. Reads no byte beyond the last index. */
void mlut_decode(
    const mlut_weights_t *weights, size_t row, size_t first, size_t count, int8_t *out);

/* Return `rows` decoded rows of `columns` weights from row `first` on: in `scratch`, or in flash
 * where the rows hold the weights themselves (8 bits). */
const int8_t *mlut_decode_rows(
    const mlut_weights_t *weights, size_t first, size_t rows, size_t columns, int8_t *scratch);

#endif /* MLUT_DECODE_H */
