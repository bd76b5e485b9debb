/* A ReLU or ReLU6 that stands alone: its output has its input's scale, so it only clamps. */
#include "microlut/relu.h"
#include "../fixed_point.h"

void mlut_relu(const mlut_relu_t *layer, const int8_t *in, int8_t *out)
{
    for (size_t i = 0; i < layer->count; i++) {
        out[i] = mlut_clamp_int8(in[i], layer->minimum, layer->maximum);
    }
}
