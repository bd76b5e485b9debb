/* Element-wise product with broadcasting: products of values less their zero points are exact in 17
 * bits, and are scaled once. */
#include "microlut/mul.h"
#include "../fixed_point.h"
#include "../isa/isa.h"

static void mlut_mul_row(
    const mlut_mul_t *layer, const int8_t *left, const int8_t *right, int8_t *out)
{
    const size_t last = MLUT_MUL_RANK - 1u;
    const size_t left_step = layer->left_steps[last], right_step = layer->right_steps[last];
    for (size_t i = 0; i < layer->extents[last]; i++) {
        const int32_t product = (left[i * left_step] - layer->left_zero_point) *
                                (right[i * right_step] - layer->right_zero_point);
        const int32_t scaled =
            mlut_multiply(product, layer->factor.multiplier, layer->factor.shift);
        out[i] = mlut_clamp_int8(scaled + layer->output_zero_point, layer->minimum, layer->maximum);
    }
}

void mlut_mul(const mlut_mul_t *layer, const int8_t *left, const int8_t *right, int8_t *out)
{
    const uint32_t *const n = layer->extents;
    for (size_t a = 0; a < n[0]; a++) {
        for (size_t b = 0; b < n[1]; b++) {
            for (size_t c = 0; c < n[2]; c++) {
                const uint32_t *const l = layer->left_steps, *const r = layer->right_steps;
                mlut_mul_row(layer, left + a * l[0] + b * l[1] + c * l[2],
                    right + a * r[0] + b * r[1] + c * r[2], out);
                out += n[3];
            }
        }
    }
}
