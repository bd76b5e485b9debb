/* Leaky rectifiers and magnitudes of int16 values: TensorFlow Lite's LEAKY_RELU and ABS. */
#include "microlut/rectify_16.h"
#include "linear_16.h"

void mlut_rectify_16(const mlut_rectify_16_t *layer, const void *in, void *out)
{
    const mlut_int16_t *const from = (const mlut_int16_t *)in;
    mlut_int16_t *const to = (mlut_int16_t *)out;
    for (size_t i = 0; i < layer->count; i++) {
        const int32_t value = from[i];
        const mlut_factor_t *const factor = value < 0 ? &layer->negative : &layer->positive;
        const int32_t signed_value = value < 0 ? value * layer->sign : value;
        const int32_t scaled = mlut_multiply(signed_value, factor->multiplier, factor->shift);
        to[i] = mlut_clamp_int16(scaled, INT16_MIN, INT16_MAX);
    }
}
