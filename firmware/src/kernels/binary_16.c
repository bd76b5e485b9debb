/* Element-wise functions of two int16 operands with broadcasting. Terms of sums and differences are
 * shifted left by 15 bits and brought to one scale; products have 31 bits and are scaled once. */
#include "microlut/binary_16.h"
#include "linear_16.h"

#define MLUT_BINARY_16_LAST (MLUT_BINARY_16_RANK - 1u)
#define MLUT_BINARY_16_LEFT_SHIFT 15u

static int32_t mlut_binary_16_term(int32_t value, mlut_factor_t factor)
{
    const int32_t shifted = mlut_shift_left(value, MLUT_BINARY_16_LEFT_SHIFT);
    return mlut_multiply(shifted, factor.multiplier, factor.shift);
}

static int16_t mlut_binary_16_scaled(const mlut_binary_16_t *layer, int32_t value)
{
    const int32_t scaled = mlut_multiply(value, layer->output.multiplier, layer->output.shift);
    return mlut_clamp_int16(scaled, layer->minimum, layer->maximum);
}

void mlut_binary_16_add(const mlut_binary_16_t *layer,
    const mlut_int16_t *left,
    const mlut_int16_t *right,
    mlut_int16_t *out)
{
    for (size_t i = 0; i < layer->extents[MLUT_BINARY_16_LAST]; i++) {
        const int32_t first = mlut_binary_16_term(*left, layer->left);
        out[i] = mlut_binary_16_scaled(layer, first + mlut_binary_16_term(*right, layer->right));
        left += layer->left_steps[MLUT_BINARY_16_LAST];
        right += layer->right_steps[MLUT_BINARY_16_LAST];
    }
}

void mlut_binary_16_sub(const mlut_binary_16_t *layer,
    const mlut_int16_t *left,
    const mlut_int16_t *right,
    mlut_int16_t *out)
{
    for (size_t i = 0; i < layer->extents[MLUT_BINARY_16_LAST]; i++) {
        const int32_t first = mlut_binary_16_term(*left, layer->left);
        out[i] = mlut_binary_16_scaled(layer, first - mlut_binary_16_term(*right, layer->right));
        left += layer->left_steps[MLUT_BINARY_16_LAST];
        right += layer->right_steps[MLUT_BINARY_16_LAST];
    }
}

void mlut_binary_16_mul(const mlut_binary_16_t *layer,
    const mlut_int16_t *left,
    const mlut_int16_t *right,
    mlut_int16_t *out)
{
    for (size_t i = 0; i < layer->extents[MLUT_BINARY_16_LAST]; i++) {
        out[i] = mlut_binary_16_scaled(layer, (int32_t)*left * *right);
        left += layer->left_steps[MLUT_BINARY_16_LAST];
        right += layer->right_steps[MLUT_BINARY_16_LAST];
    }
}

void mlut_binary_16_maximum(const mlut_binary_16_t *layer,
    const mlut_int16_t *left,
    const mlut_int16_t *right,
    mlut_int16_t *out)
{
    for (size_t i = 0; i < layer->extents[MLUT_BINARY_16_LAST]; i++) {
        out[i] = *left > *right ? *left : *right;
        left += layer->left_steps[MLUT_BINARY_16_LAST];
        right += layer->right_steps[MLUT_BINARY_16_LAST];
    }
}

void mlut_binary_16_minimum(const mlut_binary_16_t *layer,
    const mlut_int16_t *left,
    const mlut_int16_t *right,
    mlut_int16_t *out)
{
    for (size_t i = 0; i < layer->extents[MLUT_BINARY_16_LAST]; i++) {
        out[i] = *left < *right ? *left : *right;
        left += layer->left_steps[MLUT_BINARY_16_LAST];
        right += layer->right_steps[MLUT_BINARY_16_LAST];
    }
}

void mlut_binary_16(const mlut_binary_16_t *layer, const void *left, const void *right, void *out)
{
    const uint32_t *const n = layer->extents;
    const uint32_t *const l = layer->left_steps, *const r = layer->right_steps;
    mlut_int16_t *to = (mlut_int16_t *)out;
    for (size_t a = 0; a < n[0]; a++) {
        for (size_t b = 0; b < n[1]; b++) {
            for (size_t c = 0; c < n[2]; c++) {
                layer->row(layer, (const mlut_int16_t *)left + a * l[0] + b * l[1] + c * l[2],
                    (const mlut_int16_t *)right + a * r[0] + b * r[1] + c * r[2], to);
                to += n[MLUT_BINARY_16_LAST];
            }
        }
    }
}
