/* Leaky rectifier with slopes that are weights: products of a value less its zero point and a slope
 * are exact in 16 bits, and are scaled once. */
#include "microlut/prelu.h"
#include "scaling.h"

static void mlut_prelu_row(
    const mlut_prelu_t *layer, const int8_t *in, const int8_t *slopes, int8_t *out)
{
    const size_t last = MLUT_PRELU_RANK - 1u;
    const size_t step = layer->steps[last];
    const int32_t zero_point = layer->input_zero_point;
    const mlut_scaling_t negative = mlut_scaling(layer->negative, layer->output_zero_point);
    const mlut_scaling_t positive = mlut_scaling(layer->positive, layer->output_zero_point);
    const int8_t *const end = out + layer->extents[last];
    for (; out != end; slopes += step) {
        const int32_t value = *in++ - zero_point;
        const int32_t scaled = value < 0 ? mlut_scaled(&negative, value * *slopes, negative.quick)
                                         : mlut_scaled(&positive, value, positive.quick);
        *out++ = (int8_t)mlut_isa_saturate(scaled);
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
