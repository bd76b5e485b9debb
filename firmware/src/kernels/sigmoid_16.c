/* Sigmoid and tanh of int16 values: TensorFlow Lite's LOGISTIC and TANH, which interpolate in one
 * table of the sigmoid, for tanh(x) = 2 sigmoid(2 x) - 1. */
#include "microlut/sigmoid_16.h"
#include "../fixed_point.h"
#include "sigmoid_table.h"

/* Return a value in thirds of 2^-12, which is what the table needs. */
static int32_t mlut_sigmoid_16_thirds(const mlut_sigmoid_16_t *layer, int32_t value)
{
    const int32_t half = (int32_t)((UINT32_C(1) << layer->shift) >> 1);
    return (value * layer->multiplier + half) >> layer->shift;
}

/* Return 2^16 sigmoid of `size` in steps of 1 / (24 << bits), times 2^bits; or `most` beyond. */
static int32_t mlut_sigmoid_16_between(uint32_t size, unsigned bits, int32_t most)
{
    const uint32_t at = size >> bits;
    if (at >= 255u) {
        return most;
    }
    const uint32_t a = mlut_sigmoid_table[at];
    const uint32_t part = size & ((UINT32_C(1) << bits) - 1u);
    return (int32_t)((a << bits) + part * (mlut_sigmoid_table[at + 1u] - a));
}

void mlut_sigmoid_16(const mlut_sigmoid_16_t *layer, const void *in, void *out)
{
    const mlut_int16_t *const from = (const mlut_int16_t *)in;
    mlut_int16_t *const to = (mlut_int16_t *)out;
    for (size_t i = 0; i < layer->count; i++) {
        const int32_t x = mlut_sigmoid_16_thirds(layer, from[i]);
        const uint32_t size = (uint32_t)(x < 0 ? -x : x);
        const int32_t found = mlut_sigmoid_16_between(size, 9, INT32_C(0x7FFF) << 10);
        to[i] = (int16_t)((x >= 0 ? found + 512 : (INT32_C(1) << 25) - found + 511) >> 10);
    }
}

void mlut_tanh_16(const mlut_sigmoid_16_t *layer, const void *in, void *out)
{
    const mlut_int16_t *const from = (const mlut_int16_t *)in;
    mlut_int16_t *const to = (mlut_int16_t *)out;
    const int32_t half = INT32_C(1) << 23;
    for (size_t i = 0; i < layer->count; i++) {
        const int32_t x = mlut_sigmoid_16_thirds(layer, from[i]);
        const uint32_t size = (uint32_t)(x < 0 ? -x : x);
        const int32_t found = mlut_sigmoid_16_between(size, 8, INT32_C(0xFFFF) << 8);
        to[i] = (int16_t)((x >= 0 ? found - half + 128 : half - found + 127) >> 8);
    }
}
