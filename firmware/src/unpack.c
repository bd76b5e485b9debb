/* Packed indices to weights, laid out for mlut_isa_tile. */
#include "isa/isa.h"
#include "microlut/microlut.h"

#include <string.h>

#if !MLUT_ISA_MVE

/* Weight number i of eight that stand in `bits` bytes. */
static inline int32_t level(const int8_t *codebook, uint64_t eight, unsigned bits, unsigned i)
{
    return codebook[(eight >> (i * bits)) & ((1u << bits) - 1u)];
}

/* Write weights i to i + 3 of eight. */
static inline __attribute__((always_inline)) void unpack_quad(
    const int8_t *codebook, uint64_t eight, unsigned bits, unsigned i, size_t row, uint32_t *to)
{
    if (codebook == NULL) {
        mlut_isa_put_bytes((uint32_t)(eight >> (8u * i)), row, to);
        return;
    }
    mlut_isa_put_weights(level(codebook, eight, bits, i), level(codebook, eight, bits, i + 1u),
        level(codebook, eight, bits, i + 2u), level(codebook, eight, bits, i + 3u), row, to);
}

/* Up to 7 weights at a row's end, which any width can be. */
static __attribute__((noinline)) void unpack_last(
    const mlut_weights_t *weights, const uint8_t *from, size_t columns, size_t row, uint32_t *to)
{
    const unsigned bits = weights->bits;
    uint64_t eight = 0;
    for (size_t i = 0; i * 8u < columns * bits; i++) {
        eight |= (uint64_t)from[i] << (8u * i);
    }
    for (unsigned i = 0; i < columns; i += 4u) {
        unpack_quad(weights->codebook, eight, bits, i, row, to + i);
    }
}

/* Unpack `rows` rows of `columns` weights from row `first` on; an odd row gets one of zeros beside
 * it. Two rows take 4 words for every four columns. A last quad is filled with anything: the inputs
 * beside it are zero.
 *
 * Inlined with constant `bits`, so that shifts and masks are constants. */
static inline __attribute__((always_inline)) void unpack_rows(const mlut_weights_t *weights,
    unsigned bits,
    size_t first,
    size_t rows,
    size_t columns,
    uint32_t *to)
{
    const size_t quads = (columns + 3u) / 4u;
    const int8_t *codebook = bits == 8 ? NULL : weights->codebook;
    for (size_t r = 0; r < rows; r++) {
        const uint8_t *from = weights->indices + (first + r) * weights->row_bytes;
        uint32_t *quad = to + (r & ~(size_t)1) * quads * 2u;
        size_t left = columns;
        for (; left >= 8; left -= 8, from += bits, quad += 8) {
            uint64_t eight = 0;
            memcpy(&eight, from, bits);
            unpack_quad(codebook, eight, bits, 0, r & 1u, quad);
            unpack_quad(codebook, eight, bits, 4, r & 1u, quad + 4);
        }
        if (left > 0) {
            unpack_last(weights, from, left, r & 1u, quad);
        }
    }
    for (size_t q = 0; (rows & 1u) != 0 && q < quads; q++) { /* the row that makes it even */
        mlut_isa_put_weights(0, 0, 0, 0, 1, to + (rows - 1u) * quads * 2u + 4u * q);
    }
}

#define MLUT_UNPACK(bits)                                                                          \
    void mlut_unpack_##bits(                                                                       \
        const mlut_weights_t *weights, size_t first, size_t rows, size_t columns, uint32_t *to)    \
    {                                                                                              \
        unpack_rows(weights, bits, first, rows, columns, to);                                      \
    }
MLUT_UNPACK(2)
MLUT_UNPACK(3)
MLUT_UNPACK(4)
MLUT_UNPACK(5)
MLUT_UNPACK(6)
MLUT_UNPACK(7)
MLUT_UNPACK(8)

#endif
