/* Maximum and mean over a window for cores with MVE, a vector of channels at a time; what is
 * computed is that of kernels/pool2d.c. */
#include "../isa/isa.h"

#if MLUT_ISA_MVE

#include "../kernels/region.h"

/* 16 channels from `from` on, or those that `lanes` has. */
static int8x16_t mlut_mve_pool2d_largest(
    const mlut_pool2d_inputs_t *inputs, const int8_t *from, mve_pred16_t lanes)
{
    int8x16_t most = vdupq_n_s8(INT8_MIN);
    for (size_t i = 0; i < inputs->rows; i++, from += inputs->row_bytes) {
        const int8_t *x = from;
        for (size_t j = 0; j < inputs->columns; j++, x += inputs->channels) {
            most = vmaxq_s8(most, vldrbq_z_s8(x, lanes));
        }
    }
    return most;
}

/* The same, sums of 4 channels. */
static int32x4_t mlut_mve_pool2d_sum(
    const mlut_pool2d_inputs_t *inputs, const int8_t *from, mve_pred16_t lanes)
{
    int32x4_t total = vdupq_n_s32(0);
    for (size_t i = 0; i < inputs->rows; i++, from += inputs->row_bytes) {
        const int8_t *x = from;
        for (size_t j = 0; j < inputs->columns; j++, x += inputs->channels) {
            total = vaddq_s32(total, vldrbq_z_s32(x, lanes));
        }
    }
    return total;
}

void mlut_max_pool2d(const mlut_pool2d_t *layer, const int8_t *in, int8_t *out)
{
    const int8x16_t minimum = vdupq_n_s8(layer->minimum);
    const int8x16_t maximum = vdupq_n_s8(layer->maximum);
    for (size_t y = 0; y < layer->out.height; y++) {
        for (size_t x = 0; x < layer->out.width; x++, out += layer->out.channels) {
            const mlut_pool2d_inputs_t inputs = mlut_pool2d_inputs_of(layer, in, y, x);
            for (size_t c = 0; c < layer->out.channels; c += 16u) {
                const mve_pred16_t lanes = vctp8q(layer->out.channels - c);
                const int8x16_t most = mlut_mve_pool2d_largest(&inputs, inputs.first + c, lanes);
                vstrbq_p_s8(out + c, vminq_s8(vmaxq_s8(most, minimum), maximum), lanes);
            }
        }
    }
}

void mlut_average_pool2d(const mlut_pool2d_t *layer, const int8_t *in, int8_t *out)
{
    for (size_t y = 0; y < layer->out.height; y++) {
        for (size_t x = 0; x < layer->out.width; x++, out += layer->out.channels) {
            const mlut_pool2d_inputs_t inputs = mlut_pool2d_inputs_of(layer, in, y, x);
            const int32_t pixels = mlut_region_pixels(inputs.rows, inputs.columns);
            for (size_t c = 0; c < layer->out.channels; c += 4u) {
                const mve_pred16_t lanes = vctp32q(layer->out.channels - c);
                int32_t totals[4];
                vstrwq_s32(totals, mlut_mve_pool2d_sum(&inputs, inputs.first + c, lanes));
                for (size_t i = 0; i < 4u; i++) {
                    totals[i] = mlut_limited_mean(layer, totals[i], pixels);
                }
                vstrbq_p_s32(out + c, vldrwq_s32(totals), lanes);
            }
        }
    }
}

#endif
