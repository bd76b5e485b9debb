/* Mean of int16 values over the whole picture, scaled to a quantization of its own. */
#include "microlut/mean_16.h"
#include "linear_16.h"

void mlut_mean_16(const mlut_mean_16_t *layer, const void *in, void *out)
{
    mlut_int16_t *const to = (mlut_int16_t *)out;
    for (size_t c = 0; c < layer->channels; c++) {
        const mlut_int16_t *from = (const mlut_int16_t *)in + c;
        int32_t total = 0;
        for (size_t i = 0; i < layer->pixels; i++) {
            total += from[i * layer->channels];
        }
        const int32_t mean = mlut_multiply(total, layer->factor.multiplier, layer->factor.shift);
        to[c] = mlut_clamp_int16(mean, INT16_MIN, INT16_MAX);
    }
}
