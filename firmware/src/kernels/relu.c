/* A ReLU or ReLU6 that stands alone: its output has its input's scale, so it only clamps. */
#include "microlut/relu.h"
#include "../fixed_point.h"
#include "lanes.h"

void mlut_relu(const mlut_relu_t *layer, const int8_t *in, int8_t *out)
{
    const int8_t minimum = layer->minimum, maximum = layer->maximum;
    const uint32_t lows = mlut_lanes_all(minimum), highs = mlut_lanes_all(maximum);
    size_t left = layer->count;
    if (mlut_lanes_load_fast(in, 4) && mlut_lanes_load_fast(out, 4)) {
        for (; left >= 4u; left -= 4u, in += 4, out += 4) {
            mlut_lanes_store(mlut_lanes_clamp(mlut_lanes_load(in), lows, highs), out);
        }
    }
    for (; left > 0; left--) {
        *out++ = mlut_clamp_int8(*in++, minimum, maximum);
    }
}
