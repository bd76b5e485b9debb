/* A ReLU or ReLU6 of int16 values that stands alone. */
#include "microlut/relu_16.h"
#include "linear_16.h"

void mlut_relu_16(const mlut_relu_16_t *layer, const void *in, void *out)
{
    const mlut_int16_t *const from = (const mlut_int16_t *)in;
    mlut_int16_t *const to = (mlut_int16_t *)out;
    for (size_t i = 0; i < layer->count; i++) {
        to[i] = mlut_clamp_int16(from[i], layer->minimum, layer->maximum);
    }
}
