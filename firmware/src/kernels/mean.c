/* Mean over the whole picture, scaled to a quantization of its own: TensorFlow Lite's MEAN. */
#include "microlut/mean.h"
#include "../fixed_point.h"
#include "lanes.h"

#if !MLUT_ISA_MVE

static int8_t mlut_mean_scaled(const mlut_mean_t *layer, int32_t total)
{
    const int32_t centered = total - layer->input_zero_point * (int32_t)layer->pixels;
    const int32_t mean = mlut_multiply(centered, layer->factor.multiplier, layer->factor.shift);
    return mlut_clamp_int8(mean + layer->output_zero_point, INT8_MIN, INT8_MAX);
}

static void mlut_mean_four(const mlut_mean_t *layer, const int8_t *in, int8_t *out)
{
    int32_t totals[4] = {0, 0, 0, 0};
    for (size_t left = layer->pixels; left > 0;) {
        const size_t pixels = left < MLUT_LANE_PIXELS ? left : MLUT_LANE_PIXELS;
        const mlut_lanes_t none = {0, 0};
        mlut_lanes_total(mlut_lanes_add(none, in, pixels, layer->channels), pixels, totals);
        in += pixels * layer->channels;
        left -= pixels;
    }
    for (size_t i = 0; i < 4u; i++) {
        out[i] = mlut_mean_scaled(layer, totals[i]);
    }
}

void mlut_mean(const mlut_mean_t *layer, const int8_t *in, int8_t *out)
{
    const size_t channels = layer->channels;
    size_t c = 0;
    for (const bool fast = mlut_lanes_load_fast(in, channels); fast && c < channels; c += 4u) {
        const size_t first = mlut_lanes_first(c, channels);
        mlut_mean_four(layer, in + first, out + first);
    }
    for (; c < channels; c++) {
        int32_t total = 0;
        for (size_t i = 0; i < layer->pixels; i++) {
            total += in[i * channels + c];
        }
        out[c] = mlut_mean_scaled(layer, total);
    }
}

#endif
