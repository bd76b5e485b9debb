/* Entropy-coded indices, one after the other. */
#ifndef MLUT_CODED_H
#define MLUT_CODED_H

#include "microlut/layer.h"
#include "small.h"

/* A place in a group of rows. */
typedef struct {
    const uint8_t *from; /* bytes that are not in the window yet */
    uint32_t window;     /* the next bits, from the lowest one on */
    unsigned held;       /* how many, at most 22 after an index */
} mlut_coded_t;

/* Whether a row begins a group. */
static inline int mlut_coded_begins(const mlut_code_t *code, size_t row)
{
    return (row & (((size_t)1 << code->group_shift) - 1u)) == 0;
}

/* The start of the group of a row. */
static inline mlut_coded_t mlut_coded_group(const mlut_weights_t *weights, size_t row)
{
    const mlut_code_t *const code = weights->code;
    const size_t group = row >> code->group_shift;
    const mlut_coded_t place = {
        weights->indices + group * weights->row_bytes + code->starts[group], 0, 0};
    return place;
}

/* The next weight. Two bytes are loaded at a time, where fewer bits than the longest code has are
 * held; so up to two bytes behind the last code are read, and there are two. */
static MLUT_INLINE int32_t mlut_coded_next(mlut_coded_t *place, const int8_t *table, uint32_t mask)
{
    if (place->held < 8u) {
        place->window |= ((uint32_t)place->from[0] | (uint32_t)place->from[1] << 8) << place->held;
        place->from += 2;
        place->held += 16u;
    }
    const int8_t *const entry = table + 2u * (place->window & mask);
    const unsigned length = (uint8_t)entry[1];
    place->window >>= length;
    place->held -= length;
    return entry[0];
}

static inline uint32_t mlut_coded_mask(const mlut_code_t *code)
{
    return (UINT32_C(1) << code->width) - 1u;
}

/* Decode `count` weights from the start of a row on, which may reach into the next rows. */
void mlut_decode_coded(const mlut_weights_t *weights, size_t row, size_t count, int8_t *out);

/* The place of a row: those before it in its group are read over. */
mlut_coded_t mlut_coded_at(const mlut_weights_t *weights, size_t row);

#endif /* MLUT_CODED_H */
