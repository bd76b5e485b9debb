/* What a dense layer multiplies at a time. */
#ifndef MLUT_DENSE_ROWS_H
#define MLUT_DENSE_ROWS_H

#include "../isa/isa.h"
#include "microlut/dense.h"

#if !MLUT_ISA_MVE

#define MLUT_DENSE_ROWS 4u

/* A block of columns of some rows, and what they are multiplied with. */
typedef struct mlut_rows {
    const uint8_t *first; /* the first row's bytes of the block */
    size_t stride;        /* bytes from a row to the next one */
    size_t rows;          /* at least 1 */
    size_t columns;       /* of the block */
    int begins;           /* 1 if the block begins the rows, otherwise 0 */
    const int8_t *in;     /* the inputs, as they are */
    const uint32_t *x;    /* the same as pairs of int16, zeros up to a multiple of 8 */
    const uint32_t *pairs;
    const int8_t *codebook;
} mlut_dense_rows_t;

#endif

#endif /* MLUT_DENSE_ROWS_H */
