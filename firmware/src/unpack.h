/* Packed indices to pairs of int16 weights, laid out for mlut_isa_tile. */
#ifndef MLUT_UNPACK_H
#define MLUT_UNPACK_H

#include "microlut/microlut.h"

#include <stddef.h>

/* Unpack `rows` rows of `columns` weights from row `first` on. Two rows lie interleaved, word by
 * word; four weights of a row are the pairs (0, 2) and (1, 3), which is how int8 inputs are
 * widened. A last quad is filled with anything: the inputs beside it are zero. */
void mlut_unpack_rows(
    const mlut_weights_t *weights, size_t first, size_t rows, size_t columns, uint32_t *pairs);

#endif /* MLUT_UNPACK_H */
