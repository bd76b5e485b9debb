/* Concatenation of tensors. */
#ifndef MICROLUT_CONCATENATE_H
#define MICROLUT_CONCATENATE_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What an input gives to each row of the output. */
typedef struct {
    uint32_t bytes;
    uint32_t offset; /* in the row */
} mlut_part_t;

/* Tensors one after the other in each of `rows` rows of the output, which have `row_bytes`. The
 * parts are those of the inputs that do not lie there already. */
typedef struct {
    const mlut_part_t *parts;
    uint32_t count;
    uint32_t rows;
    uint32_t row_bytes;
} mlut_concatenate_t;

void mlut_concatenate(const mlut_concatenate_t *layer, const int8_t *const *in, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_CONCATENATE_H */
