/* Packed indices to weights, laid out for mlut_isa_tile. */
#ifndef MLUT_UNPACK_H
#define MLUT_UNPACK_H

#include "microlut/microlut.h"

#include <stddef.h>

/* Unpack `rows` rows of `columns` weights from row `first` on; an odd row gets one of zeros beside
 * it. Two rows take 4 words for every four columns. A last quad is filled with anything: the inputs
 * beside it are zero. */
void mlut_unpack_rows(
    const mlut_weights_t *weights, size_t first, size_t rows, size_t columns, uint32_t *to);

#endif /* MLUT_UNPACK_H */
