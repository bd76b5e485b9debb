#include "unpack.h"

#include "isa/isa.h"

#include <string.h>

/* Weight number i of eight that stand in `bits` bytes. */
static inline int32_t level(const int8_t *codebook, uint64_t eight, unsigned bits, unsigned i)
{
    return codebook[(eight >> (i * bits)) & ((1u << bits) - 1u)];
}

/* Write quad number q, 0 or 1, of eight weights to every other word. */
static inline void unpack_quad(
    const int8_t *codebook, uint64_t eight, unsigned bits, unsigned q, uint32_t *to)
{
    const unsigned i = 4u * q;
    if (codebook == NULL) {
        const uint32_t word = (uint32_t)(eight >> (32u * q));
        to[0] = mlut_isa_even(word);
        to[2] = mlut_isa_odd(word);
        return;
    }
    to[0] =
        mlut_generic_pair(level(codebook, eight, bits, i), level(codebook, eight, bits, i + 2u));
    to[2] = mlut_generic_pair(
        level(codebook, eight, bits, i + 1u), level(codebook, eight, bits, i + 3u));
}

/* One row. Inlined with constant `bits`, so that shifts and masks are constants. */
static inline __attribute__((always_inline)) void unpack_row(
    const uint8_t *from, const int8_t *codebook, unsigned bits, size_t columns, uint32_t *to)
{
    uint64_t eight;
    for (; columns >= 8; columns -= 8, from += bits, to += 8) {
        eight = 0;
        memcpy(&eight, from, bits);
        unpack_quad(codebook, eight, bits, 0, to);
        unpack_quad(codebook, eight, bits, 1, to + 4);
    }
    eight = 0;
    for (size_t i = 0; i * 8u < columns * bits; i++) {
        eight |= (uint64_t)from[i] << (8u * i);
    }
    for (unsigned q = 0; q * 4u < columns; q++) {
        unpack_quad(codebook, eight, bits, q, to + 4u * q);
    }
}

void mlut_unpack_rows(
    const mlut_weights_t *weights, size_t first, size_t rows, size_t columns, uint32_t *pairs)
{
    const size_t quads = (columns + 3u) / 4u;
    const int8_t *codebook = weights->codebook;
    const uint8_t *from = weights->indices + first * weights->row_bytes;
    for (size_t r = 0; r < rows; r++, from += weights->row_bytes) {
        uint32_t *to = pairs + (r & ~(size_t)1) * quads * 2u + (r & 1u);
        switch (weights->bits) {
        case 2:
            unpack_row(from, codebook, 2, columns, to);
            break;
        case 3:
            unpack_row(from, codebook, 3, columns, to);
            break;
        case 4:
            unpack_row(from, codebook, 4, columns, to);
            break;
        case 5:
            unpack_row(from, codebook, 5, columns, to);
            break;
        case 6:
            unpack_row(from, codebook, 6, columns, to);
            break;
        case 7:
            unpack_row(from, codebook, 7, columns, to);
            break;
        default:
            unpack_row(from, NULL, 8, columns, to);
            break;
        }
    }
    for (size_t i = 0; (rows & 1u) != 0 && i < quads * 2u; i++) {
        pairs[(rows - 1u) * quads * 2u + 2u * i + 1u] = 0; /* the row that makes it even */
    }
}
