/* Element-wise sum: both inputs are brought to a common scale with 20 extra bits, added, and
 * scaled to the output. */
#include "fixed_point.h"
#include "microlut/microlut.h"

#define LEFT_SHIFT 20u

static int32_t term(int8_t value, int16_t zero_point, mlut_factor_t factor)
{
    const int32_t shifted = mlut_shift_left((int32_t)value - zero_point, LEFT_SHIFT);
    return mlut_multiply(shifted, factor.multiplier, factor.shift);
}

void mlut_add(const mlut_add_t *layer, const int8_t *left, const int8_t *right, int8_t *out)
{
    for (size_t i = 0; i < layer->count; i++) {
        const int32_t sum = term(left[i], layer->left_zero_point, layer->left) +
                            term(right[i], layer->right_zero_point, layer->right);
        const int32_t scaled = mlut_multiply(sum, layer->output.multiplier, layer->output.shift);
        out[i] = mlut_clamp_int8(scaled + layer->output_zero_point, layer->minimum, layer->maximum);
    }
}
