/* The last step of every layer with weights: accumulator to int8. */
#ifndef MLUT_OUTPUT_STAGE_H
#define MLUT_OUTPUT_STAGE_H

#include "../fixed_point.h"
#include "../isa/isa.h"
#include "microlut/layer.h"

#include <stddef.h>

/* A channel as TensorFlow Lite has it: real factor = multiplier * 2^(shift - 31). */
typedef struct {
    int32_t bias;
    int32_t multiplier;
    int32_t shift;
    int32_t nudge; /* of the quick forms */
} mlut_channel_t;

MLUT_ASSERT(sizeof(mlut_channel_t) == 16, "the converter plans 16 bytes of scratch a channel");
MLUT_ASSERT(sizeof(mlut_channel_t) == 4 * MLUT_BIAS_STEP, "tiles find the next row's bias so");

/* Expand `count` channels from number `first` on. */
void mlut_expand_channels(
    const mlut_output_t *stage, size_t first, size_t count, mlut_channel_t *expanded);

static inline int8_t mlut_output(
    const mlut_output_t *stage, const mlut_channel_t *channel, int32_t total)
{
    const int32_t scaled = mlut_multiply(total, channel->multiplier, channel->shift);
    /* Unsigned, for what a shift to the left makes of a sum may be near 2^31. */
    const int32_t raised = (int32_t)((uint32_t)scaled + (uint32_t)stage->zero_point);
    return mlut_clamp_int8(raised, stage->minimum, stage->maximum);
}

/* The quick form of mlut_multiply plus a zero point z, for shifts of -21 to -1.
 *
 * With |total| < 2^30, the high word of 2 total * multiplier, rounded, is mlut_high_mul of both. To
 * round a half away from zero is to add 2^(e - 1), less 1 if negative, and to shift right by e;
 * z * 2^e joins what is added. A negative total may give 0, from which 1 may be taken, too. Where
 * negative results are limited to 0 anyway, rounding their halves up does as well, for -1/2 then
 * becomes 0 and all others stay below. */
static inline int32_t mlut_quick_nudge(int32_t shift, int32_t zero_point)
{
    return mlut_shift_left(2 * zero_point + 1, (unsigned)(-shift - 1));
}

/* An integer of 32 bits, the low half first. */
static inline int32_t mlut_two_words(const uint16_t *words)
{
    return (int32_t)((uint32_t)words[1] << 16 | words[0]);
}

/* The bias of a channel's words. */
static inline int32_t mlut_expand_bias(
    const mlut_output_t *stage, const uint16_t *words, unsigned exponent)
{
    if (stage->words == 3) {
        return mlut_two_words(words + 1);
    }
    /* The smaller the scale, the larger the bias in its units, and the less one unit matters. */
    const unsigned shift = stage->bias_shift > exponent ? stage->bias_shift - exponent : 0u;
    return mlut_shift_left((int16_t)words[1], shift);
}

static inline int32_t mlut_nudge(const mlut_output_t *stage, int32_t shift)
{
    return stage->rounding == MLUT_ROUND_ANY ? 0 : mlut_quick_nudge(shift, stage->zero_point);
}

/* A channel whose numbers are stored as they are. */
static inline mlut_channel_t mlut_whole_channel(const mlut_output_t *stage, const uint16_t *words)
{
    mlut_channel_t channel;
    channel.shift = (int16_t)words[0];
    channel.multiplier = mlut_two_words(words + 1);
    channel.bias = mlut_two_words(words + 3);
    channel.nudge = mlut_nudge(stage, channel.shift);
    return channel;
}

/* Word 0 is the weight scale: (2048 + the low 11 bits) * 2^(the high 5 bits), times a power of two
 * that the layer's channels share. Its product with the ratio of the activations' scales has 63 or
 * 64 bits; rounded to 31 bits it is the multiplier. The converter has made sure, channel by
 * channel, that this is what TensorFlow Lite computes in double precision. */
static inline mlut_channel_t mlut_expand_channel(const mlut_output_t *stage, const uint16_t *words)
{
    if (stage->words == MLUT_WHOLE_WORDS) {
        return mlut_whole_channel(stage, words);
    }
    const unsigned exponent = words[0] >> 11;
    uint64_t product = stage->ratio * (2048u + (words[0] & 2047u));
    mlut_channel_t channel;
    channel.shift = stage->shift + (int32_t)exponent;
    if (product >> 63 == 0) {
        product <<= 1;
        channel.shift--;
    }
    channel.bias = mlut_expand_bias(stage, words, exponent);
    channel.multiplier = (int32_t)(((uint32_t)(product >> 32) + 1u) >> 1);
    channel.nudge = mlut_nudge(stage, channel.shift);
    return channel;
}

static inline int32_t mlut_quick_scale(
    const mlut_channel_t *channel, int32_t total, unsigned rounding)
{
    const int32_t nudge =
        rounding == MLUT_ROUND_SIGNED ? channel->nudge + (total >> 31) : channel->nudge;
    const int32_t raised = mlut_isa_high_add(mlut_shift_left(total, 1), channel->multiplier, nudge);
    return raised >> (unsigned)-channel->shift;
}

static inline int8_t mlut_quick_output(
    const mlut_channel_t *channel, int32_t total, unsigned rounding)
{
    return (int8_t)mlut_isa_saturate(mlut_quick_scale(channel, total, rounding));
}

/* The form of a layer's rounding: where the signed one is allowed, the positive one gives the same.
 */
static inline int8_t mlut_rounded_output(
    const mlut_output_t *stage, const mlut_channel_t *channel, int32_t total)
{
    return stage->rounding == MLUT_ROUND_ANY ? mlut_output(stage, channel, total)
                                             : mlut_quick_output(channel, total, MLUT_ROUND_SIGNED);
}

#endif /* MLUT_OUTPUT_STAGE_H */
