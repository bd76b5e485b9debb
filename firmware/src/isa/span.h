/* Four interleaved columns of quads, and where loops over them begin and end. */
#ifndef MLUT_ISA_SPAN_H
#define MLUT_ISA_SPAN_H

#include <stddef.h>
#include <stdint.h>

/* Columns that are multiplied together; one's words lie this far apart. */
#define MLUT_COLUMNS 4u

/* Words from one row's bias to the next one's: the size of mlut_channel_t. */
#define MLUT_BIAS_STEP 4u

/* Functions that are assembly as a whole and save registers themselves. Nothing may be inserted
 * into them. */
#define MLUT_NAKED __attribute__((naked, noinline, unused, no_instrument_function))
#define MLUT_UNUSED __attribute__((unused))

/* The engine compiles as C++, too. */
#ifdef __cplusplus
#define MLUT_ASSERT static_assert
#else
#define MLUT_ASSERT _Static_assert
#endif

/* Assembly relies on the order. */
typedef struct {
    uint32_t entry; /* code bytes to skip of an unrolled loop, so that it ends at `end` */
    const uint32_t *first;
    const uint32_t *end;
} mlut_span_t;

#endif /* MLUT_ISA_SPAN_H */
