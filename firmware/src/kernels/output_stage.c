/* Output stages from flash: two or three 16-bit words per channel, expanded to TensorFlow Lite's.
 *
 * Word 0 is the weight scale: (2048 + the low 11 bits) * 2^(the high 5 bits), times a power of two
 * that the layer's channels share. Its product with the ratio of the activations' scales has 63 or
 * 64 bits; rounded to 31 bits it is the multiplier. The converter has made sure, channel by
 * channel, that this is what TensorFlow Lite computes in double precision. */
#include "output_stage.h"

static int32_t mlut_expand_bias(
    const mlut_output_t *stage, const uint16_t *words, unsigned exponent)
{
    if (stage->words == 3) {
        return (int32_t)((uint32_t)words[2] << 16 | words[1]);
    }
    /* The smaller the scale, the larger the bias in its units, and the less one unit matters. */
    const unsigned shift = stage->bias_shift > exponent ? stage->bias_shift - exponent : 0u;
    return mlut_shift_left((int16_t)words[1], shift);
}

void mlut_expand_channels(
    const mlut_output_t *stage, size_t first, size_t count, mlut_channel_t *expanded)
{
    const uint16_t *words = stage->channels + first * stage->words;
    for (size_t i = 0; i < count; i++, words += stage->words) {
        const unsigned exponent = words[0] >> 11;
        uint64_t product = stage->ratio * (2048u + (words[0] & 2047u));
        int32_t shift = stage->shift + (int32_t)exponent;
        if (product >> 63 == 0) {
            product <<= 1;
            shift--;
        }
        expanded[i].bias = mlut_expand_bias(stage, words, exponent);
        expanded[i].multiplier = (int32_t)(((uint32_t)(product >> 32) + 1u) >> 1);
        expanded[i].shift = shift;
        expanded[i].nudge =
            stage->rounding == MLUT_ROUND_ANY ? 0 : mlut_quick_nudge(shift, stage->zero_point);
    }
}
