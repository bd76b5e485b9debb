/* Four interleaved columns of quads, and where loops over them begin and end. */
#ifndef MLUT_ISA_SPAN_H
#define MLUT_ISA_SPAN_H

#include <stddef.h>
#include <stdint.h>

/* Columns that are multiplied together; one's words lie this far apart. */
#define MLUT_COLUMNS 4u

typedef struct {
    const uint32_t *first;
    const uint32_t *end;
    uint32_t entry; /* code bytes to skip of an unrolled loop, so that it ends at `end` */
} mlut_span_t;

#endif /* MLUT_ISA_SPAN_H */
