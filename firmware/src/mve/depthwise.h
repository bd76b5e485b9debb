/* Depthwise convolutions on cores with MVE: what one band of output rows needs. */
#ifndef MLUT_MVE_DEPTHWISE_H
#define MLUT_MVE_DEPTHWISE_H

#include "../isa/isa.h"
#include "../kernels/output_stage.h"
#include "microlut/depthwise_conv2d.h"

/* A tile of channels for some output rows. */
typedef struct mlut_plane {
    const mlut_depthwise_conv2d_t *layer;
    const mlut_channel_t *channels;
    const int8_t *weights; /* [position][count] */
    const int8_t *in;
    int8_t *band;  /* 8 bytes per position of the padded input, in an even number of rows */
    size_t first;  /* output channel */
    size_t count;  /* of channels */
    size_t top;    /* the picture's row that is the band's first one, modulo 2^n */
    size_t height; /* rows of the band */
    size_t pitch;  /* positions a row */
    size_t rows;   /* of outputs */
} mlut_plane_t;

#endif /* MLUT_MVE_DEPTHWISE_H */
