/* Values of a tensor in other places. */
#ifndef MICROLUT_MOVE_H
#define MICROLUT_MOVE_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { MLUT_MOVE_LOOPS = 8 };

/* A loop over the output, and what it steps over in the input: 0 repeats, and it may go back. */
typedef struct {
    uint32_t count;
    int32_t step;   /* bytes of the input */
    uint32_t bytes; /* of the output per step */
} mlut_loop_t;

/* Write the output from its beginning to its end: `depth` loops, of which there is at least one,
 * the outermost first, around runs of bytes that lie together. The first run is at byte `start`. */
typedef struct {
    const mlut_loop_t *loops;
    uint32_t depth;
    uint32_t run;
    uint32_t start;
} mlut_move_t;

void mlut_move(const mlut_move_t *layer, const int8_t *in, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_MOVE_H */
