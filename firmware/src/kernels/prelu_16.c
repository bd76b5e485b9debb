/* Leaky rectifier of int16 values with slopes that are weights: products of a value and a slope are
 * exact in 23 bits, and are scaled once. */
#include "microlut/prelu_16.h"
#include "linear_16.h"

static void mlut_prelu_16_row(
    const mlut_prelu_16_t *layer, const mlut_int16_t *in, const int8_t *slopes, mlut_int16_t *out)
{
    const size_t last = MLUT_PRELU_16_RANK - 1u;
    const size_t step = layer->steps[last];
    for (size_t i = 0; i < layer->extents[last]; i++) {
        const int32_t value = in[i];
        const int32_t scaled =
            value < 0 ? mlut_multiply(value * slopes[i * step], layer->negative.multiplier,
                            layer->negative.shift)
                      : mlut_multiply(value, layer->positive.multiplier, layer->positive.shift);
        out[i] = mlut_clamp_int16(scaled, INT16_MIN, INT16_MAX);
    }
}

void mlut_prelu_16(const mlut_prelu_16_t *layer, const void *in, void *out)
{
    const uint32_t *const n = layer->extents, *const step = layer->steps;
    const mlut_int16_t *from = (const mlut_int16_t *)in;
    mlut_int16_t *to = (mlut_int16_t *)out;
    for (size_t a = 0; a < n[0]; a++) {
        for (size_t b = 0; b < n[1]; b++) {
            for (size_t c = 0; c < n[2]; c++) {
                const int8_t *const slopes =
                    layer->slopes + a * step[0] + b * step[1] + c * step[2];
                mlut_prelu_16_row(layer, from, slopes, to);
                from += n[3];
                to += n[3];
            }
        }
    }
}
