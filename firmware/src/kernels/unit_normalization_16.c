/* Vectors of int16 values divided by their lengths. docs/reference/format.md defines it. */
#include "microlut/unit_normalization_16.h"
#include "linear_16.h"
#include "normalize.h"

#define MLUT_UNIT_NORMALIZATION_16_OUTPUT_BITS 15 /* after the point */

static void mlut_unit_normalization_16_vector(
    const mlut_int16_t *in, size_t length, mlut_int16_t *out)
{
    int64_t squares = 0;
    for (size_t i = 0; i < length; i++) {
        squares += in[i] * in[i];
    }
    const mlut_factor_t factor =
        mlut_normalize_factor(squares, 0, 0, MLUT_UNIT_NORMALIZATION_16_OUTPUT_BITS);
    for (size_t i = 0; i < length; i++) {
        const int32_t scaled = mlut_multiply(in[i], factor.multiplier, factor.shift);
        out[i] = mlut_clamp_int16(scaled, INT16_MIN, INT16_MAX);
    }
}

void mlut_unit_normalization_16(
    const mlut_unit_normalization_16_t *layer, const void *in, void *out)
{
    const size_t length = layer->length;
    const mlut_int16_t *from = (const mlut_int16_t *)in;
    mlut_int16_t *to = (mlut_int16_t *)out;
    for (size_t i = 0; i < layer->vectors; i++, from += length, to += length) {
        mlut_unit_normalization_16_vector(from, length, to);
    }
}
