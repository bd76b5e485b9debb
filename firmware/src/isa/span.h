/* Four interleaved columns of quads, and where loops over them begin and end. */
#ifndef MLUT_ISA_SPAN_H
#define MLUT_ISA_SPAN_H

#include <stddef.h>
#include <stdint.h>

/* Columns that are multiplied together; one's words lie this far apart. */
#define MLUT_COLUMNS 4u

/* Words that four values of a column take. */
#define MLUT_COLUMN_WORDS 2u

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

/* The span of a loop that is unrolled so many times, given the code bytes of a quad. */
static inline mlut_span_t mlut_span_of(
    const uint32_t *first, size_t quads, size_t unrolled, size_t code_bytes)
{
    const size_t left = quads % unrolled;
    const size_t skipped = (unrolled - left) % unrolled;
    const mlut_span_t span = {
        (uint32_t)(skipped * code_bytes), first, first + quads * MLUT_COLUMNS * MLUT_COLUMN_WORDS};
    return span;
}

#endif /* MLUT_ISA_SPAN_H */
