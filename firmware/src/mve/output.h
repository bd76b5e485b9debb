/* The output stage of four channels at a time; see kernels/output_stage.h. */
#ifndef MLUT_MVE_OUTPUT_H
#define MLUT_MVE_OUTPUT_H

#include "../isa/isa.h"
#include "../kernels/output_stage.h"

typedef struct {
    int32x4_t bias;
    int32x4_t multiplier;
    int32x4_t shift; /* of quick forms: 24 more */
    int32x4_t nudge;
} mlut_mve_channels_t;

/* Four channels, of which the last may be any memory. GCC does not see that its own gather loads
 * read the channels, and moves them to before those are written. */
static inline __attribute__((always_inline)) mlut_mve_channels_t mlut_mve_channels(
    const mlut_channel_t *first, unsigned rounding)
{
    const uint32x4_t at =
        vaddq_n_u32(vshlq_n_u32(vidupq_n_u32(0, 4), 2), (uint32_t)(uintptr_t)first);
    mlut_mve_channels_t channels;
    __asm__("vldrw.u32 %q[bias], [%q[at]]\n\t"
            "vldrw.u32 %q[multiplier], [%q[at], #4]\n\t"
            "vldrw.u32 %q[shift], [%q[at], #8]\n\t"
            "vldrw.u32 %q[nudge], [%q[at], #12]"
        : [bias] "=&w"(channels.bias), [multiplier] "=&w"(channels.multiplier),
        [shift] "=&w"(channels.shift), [nudge] "=&w"(channels.nudge)
        : [at] "w"(at), "m"(*(const mlut_channel_t(*)[4])first));
    if (rounding != MLUT_ROUND_ANY) {
        channels.shift = vaddq_n_s32(channels.shift, 24);
    }
    return channels;
}

/* Integers of two words, the low half first, of the channels of `lanes`. */
static inline __attribute__((always_inline)) int32x4_t mlut_mve_two_words(
    const uint16_t *words, uint32x4_t at, mve_pred16_t lanes)
{
    const uint32x4_t lower = vldrhq_gather_offset_z_u32(words, at, lanes);
    const uint32x4_t upper = vldrhq_gather_offset_z_u32(words + 1, at, lanes);
    return vreinterpretq_s32_u32(vorrq_u32(lower, vshlq_n_u32(upper, 16)));
}

/* What all forms of channels end with. */
static inline __attribute__((always_inline)) void mlut_mve_shift_by(
    const mlut_output_t *stage, mlut_mve_channels_t *channels, int32x4_t shift, unsigned rounding)
{
    channels->nudge = vdupq_n_s32(0);
    if (rounding != MLUT_ROUND_ANY) {
        channels->nudge = vshlq_s32(vdupq_n_s32(2 * stage->zero_point + 1), vmvnq_s32(shift));
        shift = vaddq_n_s32(shift, 24);
    }
    channels->shift = shift;
}

/* What mlut_expand_channel does, for the channels of `lanes`; the words of others are not read. */
static inline __attribute__((always_inline)) mlut_mve_channels_t mlut_mve_expand(
    const mlut_output_t *stage, const uint16_t *words, mve_pred16_t lanes, unsigned rounding)
{
    const uint32x4_t at = vmulq_n_u32(vidupq_n_u32(0, 2), stage->words);
    mlut_mve_channels_t channels;
    if (stage->words == MLUT_WHOLE_WORDS) {
        const int16_t *const shifts = (const int16_t *)words;
        channels.multiplier = mlut_mve_two_words(words + 1, at, lanes);
        channels.bias = mlut_mve_two_words(words + 3, at, lanes);
        mlut_mve_shift_by(
            stage, &channels, vldrhq_gather_offset_z_s32(shifts, at, lanes), rounding);
        return channels;
    }
    const uint32x4_t first = vldrhq_gather_offset_z_u32(words, at, lanes);
    const int32x4_t exponent = vreinterpretq_s32_u32(vshrq_n_u32(first, 11));
    const uint32x4_t factor = vorrq_u32(vandq_u32(first, vdupq_n_u32(2047)), vdupq_n_u32(2048));
    const uint32x4_t ratio = vdupq_n_u32((uint32_t)stage->ratio);
    const uint32x4_t low = vmulq_u32(factor, ratio);
    const uint32x4_t whole =
        vaddq_u32(vmulhq_u32(factor, ratio), vmulq_n_u32(factor, (uint32_t)(stage->ratio >> 32)));
    const mve_pred16_t short_by_one = vcmpgeq_n_s32(vreinterpretq_s32_u32(whole), 0);
    const uint32x4_t longer = vorrq_u32(vshlq_n_u32(whole, 1), vshrq_n_u32(low, 31));
    const uint32x4_t product = vpselq_u32(longer, whole, short_by_one);
    int32x4_t shift = vaddq_n_s32(exponent, stage->shift);
    shift = vsubq_m_n_s32(shift, shift, 1, short_by_one);
    channels.multiplier = vreinterpretq_s32_u32(vshrq_n_u32(vaddq_n_u32(product, 1), 1));
    if (stage->words == 3) {
        channels.bias = mlut_mve_two_words(words + 1, at, lanes);
    } else {
        const int32x4_t bias = vldrhq_gather_offset_z_s32((const int16_t *)(words + 1), at, lanes);
        const int32x4_t left = vsubq_s32(vdupq_n_s32(stage->bias_shift), exponent);
        channels.bias = vshlq_s32(bias, vmaxq_s32(left, vdupq_n_s32(0)));
    }
    mlut_mve_shift_by(stage, &channels, shift, rounding);
    return channels;
}

/* Accumulators without bias to int8. */
static inline __attribute__((always_inline)) int32x4_t mlut_mve_output(const mlut_output_t *stage,
    const mlut_mve_channels_t *channels,
    int32x4_t totals,
    unsigned rounding)
{
    totals = vaddq_s32(totals, channels->bias);
    if (rounding != MLUT_ROUND_ANY) {
        return mlut_mve_quick(totals, channels->multiplier, channels->shift, channels->nudge,
            rounding == MLUT_ROUND_SIGNED);
    }
    totals = mlut_mve_multiply(totals, channels->multiplier, channels->shift);
    totals = vaddq_n_s32(totals, stage->zero_point);
    totals = vmaxq_s32(totals, vdupq_n_s32(stage->minimum));
    return vminq_s32(totals, vdupq_n_s32(stage->maximum));
}

#endif /* MLUT_MVE_OUTPUT_H */
