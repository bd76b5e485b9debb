#include "linear_16.h"
#include "../decode.h"

#define MLUT_LINEAR_16_PRODUCTS 256u /* whose sum fits in 32 bits: 2^8 * 2^15 * 2^7 */

const int8_t *mlut_row_16(const mlut_weights_t *weights, size_t row, size_t columns, void *scratch)
{
    if (weights->codebook == NULL) {
        return (const int8_t *)weights->indices + row * weights->row_bytes;
    }
    mlut_decode_row(weights, row, columns, (int8_t *)scratch);
    return (const int8_t *)scratch;
}

mlut_channel_16_t mlut_expand_channel_16(const mlut_output_t *stage, size_t channel)
{
    mlut_channel_t usual;
    mlut_expand_channels(stage, channel, 1, &usual);
    /* The multiplier in 15 bits, as TensorFlow Lite has it with 64-bit accumulators. */
    const int32_t reduced =
        usual.multiplier < INT32_C(0x7FFF0000) ? (usual.multiplier + (1 << 15)) >> 16 : 0x7FFF;
    const mlut_channel_16_t expanded = {usual.bias, reduced, (unsigned)(15 - usual.shift)};
    return expanded;
}

int64_t mlut_dot_16(const mlut_int16_t *x, const int8_t *weights, size_t count, int64_t total)
{
    while (count > 0) {
        const size_t some = count < MLUT_LINEAR_16_PRODUCTS ? count : MLUT_LINEAR_16_PRODUCTS;
        int32_t sum = 0;
        for (size_t i = 0; i < some; i++) {
            sum += x[i] * weights[i];
        }
        total += sum;
        x += some;
        weights += some;
        count -= some;
    }
    return total;
}
