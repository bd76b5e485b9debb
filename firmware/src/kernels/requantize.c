/* Values in another type or scale: TensorFlow Lite's QUANTIZE between integers. */
#include "microlut/requantize.h"
#include "linear_16.h"

static int32_t mlut_requantize_value(const mlut_requantize_t *layer, int32_t value)
{
    const int32_t centered = value - layer->input_zero_point;
    const int32_t scaled = mlut_multiply(centered, layer->factor.multiplier, layer->factor.shift);
    return scaled + layer->output_zero_point;
}

void mlut_requantize_8_16(const mlut_requantize_t *layer, const void *in, void *out)
{
    const int8_t *const from = (const int8_t *)in;
    mlut_int16_t *const to = (mlut_int16_t *)out;
    for (size_t i = 0; i < layer->count; i++) {
        to[i] = mlut_clamp_int16(mlut_requantize_value(layer, from[i]), INT16_MIN, INT16_MAX);
    }
}

void mlut_requantize_16_8(const mlut_requantize_t *layer, const void *in, void *out)
{
    const mlut_int16_t *const from = (const mlut_int16_t *)in;
    int8_t *const to = (int8_t *)out;
    for (size_t i = 0; i < layer->count; i++) {
        to[i] = mlut_clamp_int8(mlut_requantize_value(layer, from[i]), INT8_MIN, INT8_MAX);
    }
}

void mlut_requantize_16_16(const mlut_requantize_t *layer, const void *in, void *out)
{
    const mlut_int16_t *const from = (const mlut_int16_t *)in;
    mlut_int16_t *const to = (mlut_int16_t *)out;
    for (size_t i = 0; i < layer->count; i++) {
        to[i] = mlut_clamp_int16(mlut_requantize_value(layer, from[i]), INT16_MIN, INT16_MAX);
    }
}
