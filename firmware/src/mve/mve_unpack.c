/* Packed indices to int8 weights, laid out for the tiles of mve/mve_conv2d.c. */
#include "../isa/isa.h"

#if MLUT_ISA_MVE

#include "../coded.h"
#include "block.h"

/* Two rows lie interleaved by 16 weights. Behind a row's last weight stands anything, and so it
 * does in a row that makes their number even: the inputs beside the first are zero, the second's
 * results are dropped.
 *
 * Inlined with constant bits, so that shifts are constants. */
static inline __attribute__((always_inline)) void mlut_mve_unpack_rows(
    const mlut_weights_t *weights,
    unsigned bits,
    unsigned index_bits,
    size_t first,
    size_t rows,
    size_t columns,
    int8_t *to)
{
    const int8_t *book = weights->codebook;
    const mlut_mve_fields_t fields = mlut_mve_fields(bits, index_bits);
    const size_t chunks = (columns + MLUT_MVE_LANES - 1u) / MLUT_MVE_LANES;
    for (size_t r = 0; r < rows; r++) {
        const uint8_t *from = weights->indices + (first + r) * weights->row_bytes;
        int8_t *chunk = to + (r & ~(size_t)1) * chunks * MLUT_MVE_LANES + r % 2u * MLUT_MVE_LANES;
        size_t left = columns;
        for (; left >= MLUT_MVE_LANES; left -= MLUT_MVE_LANES) {
            vst1q_s8(chunk, mlut_mve_sixteen(book, from, &fields, bits, index_bits, MLUT_MVE_ALL,
                                left == columns));
            chunk += 2u * MLUT_MVE_LANES;
            from += 2u * bits;
        }
        if (left > 0) {
            vst1q_s8(chunk, mlut_mve_sixteen(book, from, &fields, bits, index_bits, vctp8q(left),
                                left == columns));
        }
    }
}

#define MLUT_MVE_UNPACK(name, bits, index_bits)                                                    \
    void mlut_unpack_##name(                                                                       \
        const mlut_weights_t *weights, size_t first, size_t rows, size_t columns, uint32_t *to)    \
    {                                                                                              \
        mlut_mve_unpack_rows(weights, bits, index_bits, first, rows, columns, (int8_t *)to);       \
    }
MLUT_MVE_UNPACK(2, 2, 2)
MLUT_MVE_UNPACK(3, 3, 3)
MLUT_MVE_UNPACK(4, 4, 4)
MLUT_MVE_UNPACK(5, 5, 5)
MLUT_MVE_UNPACK(6, 6, 6)
MLUT_MVE_UNPACK(7, 7, 7)
MLUT_MVE_UNPACK(8, 8, 8)
MLUT_MVE_UNPACK(2_6, 2, 6)
MLUT_MVE_UNPACK(3_6, 3, 6)
MLUT_MVE_UNPACK(4_6, 4, 6)

void mlut_unpack_coded(
    const mlut_weights_t *weights, size_t first, size_t rows, size_t columns, uint32_t *to)
{
    const size_t chunks = (columns + MLUT_MVE_LANES - 1u) / MLUT_MVE_LANES;
    const int8_t *const table = weights->code->table;
    const uint32_t mask = mlut_coded_mask(weights->code);
    mlut_coded_t place = mlut_coded_at(weights, first);
    for (size_t r = 0; r < rows; r++) {
        int8_t *chunk = (int8_t *)to;
        chunk += (r & ~(size_t)1) * chunks * MLUT_MVE_LANES + r % 2u * MLUT_MVE_LANES;
        if (r > 0 && mlut_coded_begins(weights->code, first + r)) {
            place = mlut_coded_group(weights, first + r);
        }
        for (size_t left = columns; left > 0; chunk += 2u * MLUT_MVE_LANES) {
            const size_t some = left < MLUT_MVE_LANES ? left : MLUT_MVE_LANES;
            for (size_t i = 0; i < some; i++) {
                chunk[i] = (int8_t)mlut_coded_next(&place, table, mask);
            }
            left -= some;
        }
    }
}

#endif
