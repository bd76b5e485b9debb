/* Element-wise functions of two operands with broadcasting. Sums and differences are scaled as
 * mlut_add does it. Products of values less their zero points are exact in 17 bits, and are scaled
 * once. Extrema compare bytes of one scale. */
#include "microlut/binary.h"
#include "scaling.h"

#define MLUT_BINARY_LAST (MLUT_BINARY_RANK - 1u)
#define MLUT_BINARY_LEFT_SHIFT 20u

static int32_t mlut_binary_term(int8_t value, int16_t zero_point, mlut_factor_t factor)
{
    const int32_t shifted = mlut_shift_left((int32_t)value - zero_point, MLUT_BINARY_LEFT_SHIFT);
    return mlut_multiply(shifted, factor.multiplier, factor.shift);
}

static int8_t mlut_binary_scaled(const mlut_binary_t *layer, int32_t value)
{
    const int32_t scaled = mlut_multiply(value, layer->output.multiplier, layer->output.shift);
    return mlut_clamp_int8(scaled + layer->output_zero_point, layer->minimum, layer->maximum);
}

void mlut_binary_add(
    const mlut_binary_t *layer, const int8_t *left, const int8_t *right, int8_t *out)
{
    for (size_t i = 0; i < layer->extents[MLUT_BINARY_LAST]; i++) {
        const int32_t first = mlut_binary_term(*left, layer->left_zero_point, layer->left);
        const int32_t second = mlut_binary_term(*right, layer->right_zero_point, layer->right);
        out[i] = mlut_binary_scaled(layer, first + second);
        left += layer->left_steps[MLUT_BINARY_LAST];
        right += layer->right_steps[MLUT_BINARY_LAST];
    }
}

void mlut_binary_sub(
    const mlut_binary_t *layer, const int8_t *left, const int8_t *right, int8_t *out)
{
    for (size_t i = 0; i < layer->extents[MLUT_BINARY_LAST]; i++) {
        const int32_t first = mlut_binary_term(*left, layer->left_zero_point, layer->left);
        const int32_t second = mlut_binary_term(*right, layer->right_zero_point, layer->right);
        out[i] = mlut_binary_scaled(layer, first - second);
        left += layer->left_steps[MLUT_BINARY_LAST];
        right += layer->right_steps[MLUT_BINARY_LAST];
    }
}

/* All of the layer is in locals, since the bytes that are written might be part of it. */
static MLUT_INLINE void mlut_binary_mul_row(const mlut_binary_t *layer,
    const mlut_scaling_t *scaling,
    const int8_t *left,
    const int8_t *right,
    int8_t *out,
    bool quick)
{
    const int32_t left_zero_point = layer->left_zero_point;
    const int32_t right_zero_point = layer->right_zero_point;
    const size_t left_step = layer->left_steps[MLUT_BINARY_LAST];
    const size_t right_step = layer->right_steps[MLUT_BINARY_LAST];
    const int8_t minimum = layer->minimum, maximum = layer->maximum;
    const int8_t *const end = out + layer->extents[MLUT_BINARY_LAST];
    for (; out != end; left += left_step, right += right_step) {
        const int32_t product = (*left - left_zero_point) * (*right - right_zero_point);
        *out++ = mlut_clamp_int8(mlut_scaled(scaling, product, quick), minimum, maximum);
    }
}

void mlut_binary_mul(
    const mlut_binary_t *layer, const int8_t *left, const int8_t *right, int8_t *out)
{
    const mlut_scaling_t scaling = mlut_scaling(layer->output, layer->output_zero_point);
    if (scaling.quick) {
        mlut_binary_mul_row(layer, &scaling, left, right, out, true);
    } else {
        mlut_binary_mul_row(layer, &scaling, left, right, out, false);
    }
}

void mlut_binary_maximum(
    const mlut_binary_t *layer, const int8_t *left, const int8_t *right, int8_t *out)
{
    for (size_t i = 0; i < layer->extents[MLUT_BINARY_LAST]; i++) {
        out[i] = *left > *right ? *left : *right;
        left += layer->left_steps[MLUT_BINARY_LAST];
        right += layer->right_steps[MLUT_BINARY_LAST];
    }
}

void mlut_binary_minimum(
    const mlut_binary_t *layer, const int8_t *left, const int8_t *right, int8_t *out)
{
    for (size_t i = 0; i < layer->extents[MLUT_BINARY_LAST]; i++) {
        out[i] = *left < *right ? *left : *right;
        left += layer->left_steps[MLUT_BINARY_LAST];
        right += layer->right_steps[MLUT_BINARY_LAST];
    }
}

void mlut_binary(const mlut_binary_t *layer, const int8_t *left, const int8_t *right, int8_t *out)
{
    const uint32_t *const n = layer->extents;
    for (size_t a = 0; a < n[0]; a++) {
        for (size_t b = 0; b < n[1]; b++) {
            for (size_t c = 0; c < n[2]; c++) {
                const uint32_t *const l = layer->left_steps, *const r = layer->right_steps;
                layer->row(layer, left + a * l[0] + b * l[1] + c * l[2],
                    right + a * r[0] + b * r[1] + c * r[2], out);
                out += n[MLUT_BINARY_LAST];
            }
        }
    }
}
