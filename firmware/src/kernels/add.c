/* Element-wise sum: both inputs are brought to a common scale with 20 extra bits, added, and
 * scaled to the output. TensorFlow Lite takes twice the larger input scale as the common one, so
 * that one factor is exactly 1/2: the quick form wants it left. */
#include "microlut/add.h"
#include "../isa/isa.h"
#include "output_stage.h"

#if !MLUT_ISA_MVE

#define MLUT_ADD_LEFT_SHIFT 20u

static int32_t mlut_add_term(int8_t value, int16_t zero_point, mlut_factor_t factor)
{
    const int32_t shifted = mlut_shift_left((int32_t)value - zero_point, MLUT_ADD_LEFT_SHIFT);
    return mlut_multiply(shifted, factor.multiplier, factor.shift);
}

void mlut_add_any(
    const mlut_add_t *layer, const int8_t *left, const int8_t *right, size_t count, int8_t *out)
{
    for (size_t i = 0; i < count; i++) {
        const int32_t sum = mlut_add_term(left[i], layer->left_zero_point, layer->left) +
                            mlut_add_term(right[i], layer->right_zero_point, layer->right);
        const int32_t scaled = mlut_multiply(sum, layer->output.multiplier, layer->output.shift);
        out[i] = mlut_clamp_int8(scaled + layer->output_zero_point, layer->minimum, layer->maximum);
    }
}

static mlut_channel_t mlut_add_as_channel(mlut_factor_t factor, int32_t zero_point)
{
    const mlut_channel_t channel = {
        0, factor.multiplier, factor.shift, mlut_quick_nudge(factor.shift, zero_point)};
    return channel;
}

/* No term is beyond 255 * 2^19, so all sums stay below 2^28. */
void mlut_add_quick(
    const mlut_add_t *layer, const int8_t *left, const int8_t *right, size_t count, int8_t *out)
{
    const mlut_channel_t narrow = mlut_add_as_channel(layer->right, 0);
    const mlut_channel_t output = mlut_add_as_channel(layer->output, layer->output_zero_point);
    const int32_t left_offset = layer->left_zero_point * (1 << (MLUT_ADD_LEFT_SHIFT - 1u));
    const int32_t right_offset = layer->right_zero_point * (1 << MLUT_ADD_LEFT_SHIFT);
    for (size_t i = 0; i < count; i++) {
        const int32_t exact = left[i] * (1 << (MLUT_ADD_LEFT_SHIFT - 1u)) - left_offset;
        const int32_t shifted = right[i] * (1 << MLUT_ADD_LEFT_SHIFT) - right_offset;
        const int32_t sum = exact + mlut_quick_scale(&narrow, shifted, MLUT_ROUND_SIGNED);
        out[i] = mlut_quick_output(&output, sum, MLUT_ROUND_SIGNED);
    }
}

void mlut_add(const mlut_add_t *layer, const int8_t *left, const int8_t *right, int8_t *out)
{
    layer->span(layer, left, right, layer->count, out);
}

#endif
