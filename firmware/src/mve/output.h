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
