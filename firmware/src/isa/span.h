/* Four interleaved columns of quads, and where loops over them begin and end. */
#ifndef MLUT_ISA_SPAN_H
#define MLUT_ISA_SPAN_H

#include <stddef.h>
#include <stdint.h>

/* Words of four columns that hold four values of each, and code bytes of a tile's products of them.
 */
#define MLUT_QUAD_WORDS 8u
#define MLUT_QUAD_CODE 88u

typedef struct {
    const uint32_t *first;
    const uint32_t *end;
    uint32_t entry; /* code bytes to skip of a loop over eight quads, so that it ends at `end` */
} mlut_span_t;

static inline mlut_span_t mlut_span(const uint32_t *first, size_t quads)
{
    const mlut_span_t span = {
        first, first + quads * MLUT_QUAD_WORDS, (8u - quads % 8u) % 8u * MLUT_QUAD_CODE};
    return span;
}

#endif /* MLUT_ISA_SPAN_H */
