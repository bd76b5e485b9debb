/* Leaky rectifier with slopes that are weights: products of a value less its zero point and a slope
 * are exact in 16 bits, and are scaled once. */
#include "microlut/prelu.h"
#include "../fixed_point.h"
#include "../isa/isa.h"

static void mlut_prelu_row(
    const mlut_prelu_t *layer, const int8_t *in, const int8_t *slopes, int8_t *out)
{
    const size_t last = MLUT_PRELU_RANK - 1u;
    const size_t step = layer->steps[last];
    for (size_t i = 0; i < layer->extents[last]; i++) {
        const int32_t value = in[i] - layer->input_zero_point;
        const int32_t scaled =
            value < 0 ? mlut_multiply(value * slopes[i * step], layer->negative.multiplier,
                            layer->negative.shift)
                      : mlut_multiply(value, layer->positive.multiplier, layer->positive.shift);
        out[i] = mlut_clamp_int8(scaled + layer->output_zero_point, INT8_MIN, INT8_MAX);
    }
}

void mlut_prelu(const mlut_prelu_t *layer, const int8_t *in, int8_t *out)
{
    const uint32_t *const n = layer->extents, *const step = layer->steps;
    for (size_t a = 0; a < n[0]; a++) {
        for (size_t b = 0; b < n[1]; b++) {
            for (size_t c = 0; c < n[2]; c++) {
                const int8_t *const slopes =
                    layer->slopes + a * step[0] + b * step[1] + c * step[2];
                mlut_prelu_row(layer, in, slopes, out);
                in += n[3];
                out += n[3];
            }
        }
    }
}
