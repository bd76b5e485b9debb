/* Packed indices to weights, laid out for mlut_isa_tile. */
#include "coded.h"
#include "isa/isa.h"
#include "microlut/conv2d.h"

#include <string.h>

#if !MLUT_ISA_MVE

/* How indices lie in a row. */
typedef struct {
    unsigned bits;       /* from one index to the next */
    unsigned index_bits; /* of an index; the lower ones belong to those before it, too */
} mlut_unpack_fields_t;

/* Weight number i of eight, whose indices begin at bit 0. */
static inline int32_t mlut_unpack_level(
    const int8_t *codebook, uint64_t eight, mlut_unpack_fields_t fields, unsigned i)
{
    return codebook[(eight >> (i * fields.bits)) & ((1u << fields.index_bits) - 1u)];
}

/* Write weights i to i + 3 of eight. */
static inline __attribute__((always_inline)) void mlut_unpack_quad(const int8_t *codebook,
    uint64_t eight,
    mlut_unpack_fields_t fields,
    unsigned i,
    size_t row,
    uint32_t *to)
{
    if (codebook == NULL) {
        mlut_isa_put_bytes((uint32_t)(eight >> (8u * i)), row, to);
        return;
    }
    mlut_isa_put_weights(mlut_unpack_level(codebook, eight, fields, i),
        mlut_unpack_level(codebook, eight, fields, i + 1u),
        mlut_unpack_level(codebook, eight, fields, i + 2u),
        mlut_unpack_level(codebook, eight, fields, i + 3u), row, to);
}

/* Up to 7 weights at a row's end, which any width can be; `before` are the bits that their first
 * indices have in common with others. */
static __attribute__((noinline)) void mlut_unpack_last(const mlut_weights_t *weights,
    const uint8_t *from,
    uint32_t before,
    size_t columns,
    size_t row,
    uint32_t *to)
{
    const mlut_unpack_fields_t fields = {weights->bits, weights->index_bits};
    uint64_t eight = 0;
    for (size_t i = 0; i * 8u < columns * fields.bits; i++) {
        eight |= (uint64_t)from[i] << (8u * i);
    }
    eight = eight << (fields.index_bits - fields.bits) | before;
    for (unsigned i = 0; i < columns; i += 4u) {
        mlut_unpack_quad(weights->codebook, eight, fields, i, row, to + i);
    }
}

/* Make the number of rows even by one of zeros. */
static MLUT_INLINE void mlut_unpack_even(size_t rows, size_t quads, uint32_t *to)
{
    for (size_t q = 0; (rows & 1u) != 0 && q < quads; q++) {
        mlut_isa_put_weights(0, 0, 0, 0, 1, to + (rows - 1u) * quads * 2u + 4u * q);
    }
}

/* Unpack `rows` rows of `columns` weights from row `first` on; an odd row gets one of zeros beside
 * it. Two rows take 4 words for every four columns. A last quad is filled with anything: the inputs
 * beside it are zero.
 *
 * Inlined with constant fields, so that shifts and masks are constants. */
static inline __attribute__((always_inline)) void mlut_unpack_rows(const mlut_weights_t *weights,
    mlut_unpack_fields_t fields,
    size_t first,
    size_t rows,
    size_t columns,
    uint32_t *to)
{
    const unsigned bits = fields.bits;
    const unsigned overlap = fields.index_bits - bits;
    const size_t quads = (columns + 3u) / 4u;
    const int8_t *codebook = bits == 8 ? NULL : weights->codebook;
    for (size_t r = 0; r < rows; r++) {
        const uint8_t *from = weights->indices + (first + r) * weights->row_bytes;
        uint32_t *quad = to + (r & ~(size_t)1) * quads * 2u;
        uint32_t before = 0; /* bits that the next indices have in common with the last ones */
        size_t left = columns;
        for (; left >= 8; left -= 8, from += bits, quad += 8) {
            uint64_t eight = 0;
            memcpy(&eight, from, bits);
            if (overlap > 0) {
                eight = eight << overlap | before;
                before = (uint32_t)(eight >> (8u * bits));
            }
            mlut_unpack_quad(codebook, eight, fields, 0, r & 1u, quad);
            mlut_unpack_quad(codebook, eight, fields, 4, r & 1u, quad + 4);
        }
        if (left > 0) {
            mlut_unpack_last(weights, from, before, left, r & 1u, quad);
        }
    }
    mlut_unpack_even(rows, quads, to);
}

#define MLUT_UNPACK(name, bits, index_bits)                                                        \
    void mlut_unpack_##name(                                                                       \
        const mlut_weights_t *weights, size_t first, size_t rows, size_t columns, uint32_t *to)    \
    {                                                                                              \
        mlut_unpack_rows(                                                                          \
            weights, (mlut_unpack_fields_t){bits, index_bits}, first, rows, columns, to);          \
    }
MLUT_UNPACK(2, 2, 2)
MLUT_UNPACK(3, 3, 3)
MLUT_UNPACK(4, 4, 4)
MLUT_UNPACK(5, 5, 5)
MLUT_UNPACK(6, 6, 6)
MLUT_UNPACK(7, 7, 7)
MLUT_UNPACK(8, 8, 8)
MLUT_UNPACK(2_6, 2, 6)
MLUT_UNPACK(3_6, 3, 6)
MLUT_UNPACK(4_6, 4, 6)

void mlut_unpack_coded(
    const mlut_weights_t *weights, size_t first, size_t rows, size_t columns, uint32_t *to)
{
    const size_t quads = (columns + 3u) / 4u;
    const int8_t *const table = weights->code->table;
    const uint32_t mask = mlut_coded_mask(weights->code);
    mlut_coded_t place = mlut_coded_at(weights, first);
    for (size_t r = 0; r < rows; r++) {
        uint32_t *quad = to + (r & ~(size_t)1) * quads * 2u;
        if (r > 0 && mlut_coded_begins(weights->code, first + r)) {
            place = mlut_coded_group(weights, first + r);
        }
        for (size_t left = columns / 4u; left > 0; left--, quad += 4) {
            const int32_t a = mlut_coded_next(&place, table, mask);
            const int32_t b = mlut_coded_next(&place, table, mask);
            const int32_t c = mlut_coded_next(&place, table, mask);
            mlut_isa_put_weights(a, b, c, mlut_coded_next(&place, table, mask), r & 1u, quad);
        }
        if (columns % 4u != 0) {
            int32_t rest[4] = {0, 0, 0, 0};
            for (size_t i = 0; i < columns % 4u; i++) {
                rest[i] = mlut_coded_next(&place, table, mask);
            }
            mlut_isa_put_weights(rest[0], rest[1], rest[2], rest[3], r & 1u, quad);
        }
    }
    mlut_unpack_even(rows, quads, to);
}

#endif
