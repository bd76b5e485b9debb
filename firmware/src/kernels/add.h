/* Element-wise sums: of whole tensors, and of what a convolution has just made. */
#ifndef MLUT_ADD_H
#define MLUT_ADD_H

#include "microlut/microlut.h"

#include <stddef.h>

/* Add `count` elements; `out` may be either input. */
void mlut_add_span(
    const mlut_add_t *layer, const int8_t *left, const int8_t *right, size_t count, int8_t *out);

#endif /* MLUT_ADD_H */
