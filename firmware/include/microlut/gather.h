/* Chosen places along a dimension. */
#ifndef MICROLUT_GATHER_H
#define MICROLUT_GATHER_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of each of `rows` rows of the input, the pieces at `count` places. */
typedef struct {
    const uint16_t *places;
    uint32_t count;
    uint32_t rows;
    uint32_t row_bytes; /* of the input */
    uint32_t piece_bytes;
} mlut_gather_t;

void mlut_gather(const mlut_gather_t *layer, const int8_t *in, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_GATHER_H */
