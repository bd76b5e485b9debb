/* Mean over the whole picture for cores with MVE, four channels at a time; what is computed is that
 * of kernels/mean.c. */
#include "../isa/isa.h"

#if MLUT_ISA_MVE

#include "../kernels/output_stage.h"
#include "microlut/mean.h"

void mlut_mean(const mlut_mean_t *layer, const int8_t *in, int8_t *out)
{
    const size_t channels = layer->channels;
    const int32_t raised = layer->input_zero_point * (int32_t)layer->pixels;
    for (size_t c = 0; c < channels; c += 4u) {
        const mve_pred16_t lanes = vctp32q(channels - c);
        int32x4_t total = vdupq_n_s32(-raised);
        const int8_t *x = in + c;
        for (size_t i = 0; i < layer->pixels; i++, x += channels) {
            total = vaddq_s32(total, vldrbq_z_s32(x, lanes));
        }
        total = mlut_mve_multiply(
            total, vdupq_n_s32(layer->factor.multiplier), vdupq_n_s32(layer->factor.shift));
        total = vaddq_n_s32(total, layer->output_zero_point);
        total = vmaxq_s32(vminq_s32(total, vdupq_n_s32(INT8_MAX)), vdupq_n_s32(INT8_MIN));
        vstrbq_p_s32(out + c, total, lanes);
    }
}

#endif
