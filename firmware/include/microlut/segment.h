/* Segments: layers that run band by band, so that only some rows of the tensors between them are in
 * memory at a time. No row is computed twice. */
#ifndef MICROLUT_SEGMENT_H
#define MICROLUT_SEGMENT_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A band: some rows of a layer's output. The layer over a band is a layer of its own, whose input
 * is the rows that the band needs, and whose padding at the top is what lies above these. */
typedef struct {
    const int8_t *in[2]; /* the second one of additions only */
    int8_t *out;
    void *scratch;
    uint32_t row_bytes; /* of the output */
    uint16_t in_rows;
    uint16_t out_rows;
    uint16_t pad_top;
} mlut_band_t;

/* Run a layer, whose type follows from the function, over a band. */
typedef void mlut_run_band_t(const void *layer, const mlut_band_t *band);
mlut_run_band_t mlut_conv2d_band, mlut_depthwise_conv2d_band, mlut_depthwise_lines_band,
    mlut_max_pool2d_band, mlut_average_pool2d_band, mlut_add_band;

/* Where in the arena the rows of a tensor are. The buffers of tensors that are inputs or the output
 * of a segment have room for all of them. */
typedef struct {
    uint32_t offset;
    uint32_t row_bytes;
    uint16_t height;
    uint16_t room; /* rows that the buffer holds */
} mlut_lines_t;

/* A layer of a segment. Its output's row y needs the inputs' rows from y * stride - before on,
 * `reach` of them, as far as they exist: there is at least one. */
typedef struct {
    mlut_run_band_t *run;
    const void *layer;
    int32_t before; /* rows of padding before the first row; negative: rows that are not needed */
    uint16_t stride;
    uint16_t reach;
    uint16_t pad_top;
    uint8_t input_count; /* 1 or 2 */
    uint8_t inputs[2];   /* numbers of tensors; the layer's output is number `inputs` + its own */
} mlut_segment_layer_t;

/* Tensors are the segment's inputs and then the output of each layer. Each step makes `rows` more
 * rows of the last output, and of the others what these need. Rows are counted from the top, or
 * with `upwards` from the bottom, in the order in which they are made. Progress is scratch of 6
 * bytes per tensor. */
typedef struct {
    const mlut_lines_t *lines;
    const mlut_segment_layer_t *layers;
    uint32_t scratch;  /* offset in the arena, for all layers */
    uint32_t progress; /* the same */
    uint16_t rows;
    uint8_t inputs;
    uint8_t layer_count;
    uint8_t upwards;
} mlut_segment_t;

void mlut_segment(const mlut_segment_t *segment, int8_t *arena);

/* The same in parts: make rows `from` to `to` of the last output, in the order in which they are
 * made; `to` is a multiple of the segment's rows, or all. The first part begins with 0, each other
 * one where the one before it ended. */
void mlut_segment_part(const mlut_segment_t *segment, int8_t *arena, uint16_t from, uint16_t to);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_SEGMENT_H */
