/* Packed indices to int8 weights, laid out for the tiles of mve/mve_conv2d.c. */
#include "block.h"

#if MLUT_ISA_MVE

/* Two rows lie interleaved by 16 weights. Behind a row's last weight stands anything, and so it
 * does in a row that makes their number even: the inputs beside the first are zero, the second's
 * results are dropped.
 *
 * Inlined with constant `bits`, so that shifts are constants. */
static inline __attribute__((always_inline)) void unpack_rows(const mlut_weights_t *weights,
    unsigned bits,
    size_t first,
    size_t rows,
    size_t columns,
    int8_t *to)
{
    const mlut_mve_fields_t fields = mlut_mve_fields(bits);
    const size_t chunks = (columns + MLUT_MVE_LANES - 1u) / MLUT_MVE_LANES;
    for (size_t r = 0; r < rows; r++) {
        const uint8_t *from = weights->indices + (first + r) * weights->row_bytes;
        int8_t *chunk = to + (r & ~(size_t)1) * chunks * MLUT_MVE_LANES + r % 2u * MLUT_MVE_LANES;
        size_t left = columns;
        for (; left >= MLUT_MVE_LANES; left -= MLUT_MVE_LANES) {
            vst1q_s8(chunk, mlut_mve_sixteen(weights->codebook, from, &fields, bits, MLUT_MVE_ALL));
            chunk += 2u * MLUT_MVE_LANES;
            from += 2u * bits;
        }
        if (left > 0) {
            vst1q_s8(chunk, mlut_mve_sixteen(weights->codebook, from, &fields, bits, vctp8q(left)));
        }
    }
}

#define MLUT_UNPACK(bits)                                                                          \
    void mlut_unpack_##bits(                                                                       \
        const mlut_weights_t *weights, size_t first, size_t rows, size_t columns, uint32_t *to)    \
    {                                                                                              \
        unpack_rows(weights, bits, first, rows, columns, (int8_t *)to);                            \
    }
MLUT_UNPACK(2)
MLUT_UNPACK(3)
MLUT_UNPACK(4)
MLUT_UNPACK(5)
MLUT_UNPACK(6)
MLUT_UNPACK(7)
MLUT_UNPACK(8)

#endif
