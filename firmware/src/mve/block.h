/* What a convolution multiplies at a time on cores with MVE. */
#ifndef MLUT_MVE_BLOCK_H
#define MLUT_MVE_BLOCK_H

#include "../isa/isa.h"
#include "../kernels/output_stage.h"
#include "microlut/conv2d.h"

#define MLUT_MVE_LANES 16u /* int8 in a vector */

/* A tile of channels times up to four receptive fields, and where the outputs go. */
typedef struct mlut_block {
    const mlut_output_t *stage;
    const mlut_channel_t *channels;
    const int8_t *weights;
    const int8_t *fields;
    size_t width; /* bytes a field, and a row of weights */
    size_t rows;
    size_t count;  /* of fields that are pixels */
    size_t stride; /* bytes from one pixel's outputs to the next one's */
} mlut_block_t;

#endif /* MLUT_MVE_BLOCK_H */
