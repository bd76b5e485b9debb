/* Rows of outputs of a 3x3 depthwise kernel, and the portable primitive that makes them. */
#ifndef MLUT_ISA_ROWS_H
#define MLUT_ISA_ROWS_H

#include <stddef.h>
#include <stdint.h>

/* Words from one column of the planes to the next one: the four channels lie side by side. */
#define MLUT_LANES 4u

/* Strips of outputs of one channel: with stride 1 two rows each, with stride 2 one. Assembly relies
 * on the order. */
typedef struct {
    /* Times mlut_isa_row_scale: of column j the entry of rows 0 and 1, and of rows 1 and 2; with
     * stride 2, those that two pairs of the picture's rows meet, of which one is beside the kernel:
     * 0. */
    uint32_t weights[6];
    const uint32_t *from; /* the first pair of rows */
    size_t pitch;         /* bytes from one pair of rows to the next one */
    int32_t multiplier;
    int32_t nudge;
    uint32_t shift; /* to the right */
    int32_t bias;   /* doubled */
    int8_t *out;
    size_t below;  /* bytes to the output below; 0: strips are one row */
    size_t step;   /* bytes to the next output */
    size_t across; /* bytes to what is behind the last pair of outputs of a row */
    size_t odd;    /* outputs that follow, 0 or 1 */
    size_t gap;    /* bytes from behind the last pair to the next strip */
    size_t strips;
    size_t lower; /* with stride 2: whether the first row is beside the kernel, and not the last */
} mlut_rows_t;

#endif /* MLUT_ISA_ROWS_H */
