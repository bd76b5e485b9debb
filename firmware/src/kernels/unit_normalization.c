/* TensorFlow Lite's L2_NORMALIZATION in int8: the sum of squares is exact. */
#include "microlut/unit_normalization.h"
#include "../inverse_root.h"

#define MLUT_UNIT_NORMALIZATION_OUTPUT_BITS 7 /* after the point */

static void mlut_unit_normalization_vector(
    const mlut_unit_normalization_t *layer, const int8_t *in, int8_t *out)
{
    int32_t squares = 0;
    for (size_t i = 0; i < layer->length; i++) {
        const int32_t value = in[i] - layer->input_zero_point;
        squares += value * value;
    }
    const mlut_factor_t factor = mlut_inverse_root(squares);
    const int shift = factor.shift + MLUT_UNIT_NORMALIZATION_OUTPUT_BITS;
    for (size_t i = 0; i < layer->length; i++) {
        const int32_t value = in[i] - layer->input_zero_point;
        out[i] =
            mlut_clamp_int8(mlut_multiply(value, factor.multiplier, shift), INT8_MIN, INT8_MAX);
    }
}

void mlut_unit_normalization(const mlut_unit_normalization_t *layer, const int8_t *in, int8_t *out)
{
    for (size_t i = 0; i < layer->vectors; i++) {
        const size_t offset = i * layer->length;
        mlut_unit_normalization_vector(layer, in + offset, out + offset);
    }
}
