/* Element-wise sum for cores with MVE, four elements at a time; what is computed is that of
 * kernels/add.c. */
#include "../isa/isa.h"

#if MLUT_ISA_MVE

#include "../kernels/output_stage.h"
#include "microlut/add.h"

#define MLUT_MVE_ADD_LEFT_SHIFT 20

static int32x4_t mlut_mve_add_term(int32x4_t values, int16_t zero_point, mlut_factor_t factor)
{
    values = vshlq_n_s32(vsubq_n_s32(values, zero_point), MLUT_MVE_ADD_LEFT_SHIFT);
    return mlut_mve_multiply(values, vdupq_n_s32(factor.multiplier), vdupq_n_s32(factor.shift));
}

void mlut_add_any(
    const mlut_add_t *layer, const int8_t *left, const int8_t *right, size_t count, int8_t *out)
{
    for (size_t i = 0; i < count; i += 4) {
        const mve_pred16_t lanes = vctp32q(count - i);
        const int32x4_t sum = vaddq_s32(
            mlut_mve_add_term(vldrbq_z_s32(left + i, lanes), layer->left_zero_point, layer->left),
            mlut_mve_add_term(
                vldrbq_z_s32(right + i, lanes), layer->right_zero_point, layer->right));
        int32x4_t done = mlut_mve_multiply(
            sum, vdupq_n_s32(layer->output.multiplier), vdupq_n_s32(layer->output.shift));
        done = vaddq_n_s32(done, layer->output_zero_point);
        done = vmaxq_s32(done, vdupq_n_s32(layer->minimum));
        done = vminq_s32(done, vdupq_n_s32(layer->maximum));
        vstrbq_p_s32(out + i, done, lanes);
    }
}

/* What a quick addition takes beside its elements. */
typedef struct {
    int32_t offset; /* less both zero points, in units of the left term */
    int32_t right_multiplier;
    int32_t right_shift;
    int32_t multiplier;
    int32_t nudge;
    int32_t shift_24;
} mlut_mve_add_quick_t;

/* Four elements: the left term is exact, the right one's rounding is that of mlut_mve_multiply. */
static inline __attribute__((always_inline)) int32x4_t mlut_mve_add_four(
    const mlut_mve_add_quick_t *quick, int32x4_t left, int32x4_t right)
{
    int32x4_t sum =
        vqrdmulhq_n_s32(vshlq_n_s32(right, MLUT_MVE_ADD_LEFT_SHIFT), quick->right_multiplier);
    sum = vrshlq_n_s32(vaddq_s32(sum, vshrq_n_s32(sum, 31)), quick->right_shift);
    sum =
        vaddq_s32(vaddq_n_s32(sum, quick->offset), vshlq_n_s32(left, MLUT_MVE_ADD_LEFT_SHIFT - 1));
    sum = vqrdmulhq_n_s32(sum, quick->multiplier);
    sum = vaddq_n_s32(vaddq_s32(sum, vshrq_n_s32(sum, 31)), quick->nudge);
    return vshrq_n_s32(vqshlq_r_s32(sum, quick->shift_24), 24);
}

void mlut_add_quick(
    const mlut_add_t *layer, const int8_t *left, const int8_t *right, size_t count, int8_t *out)
{
    const mlut_mve_add_quick_t quick = {
        .offset = -layer->left_zero_point * (1 << (MLUT_MVE_ADD_LEFT_SHIFT - 1)),
        .right_multiplier = layer->right.multiplier,
        .right_shift = layer->right.shift,
        .multiplier = layer->output.multiplier,
        .nudge = mlut_quick_nudge(layer->output.shift, layer->output_zero_point),
        .shift_24 = layer->output.shift + 24,
    };
    const int32_t point = layer->right_zero_point;
    for (; count >= 4; count -= 4, left += 4, right += 4, out += 4) {
        const int32x4_t second = vsubq_n_s32(vldrbq_s32(right), point);
        vstrbq_s32(out, mlut_mve_add_four(&quick, vldrbq_s32(left), second));
    }
    if (count > 0) {
        const mve_pred16_t lanes = vctp32q(count);
        const int32x4_t second = vsubq_n_s32(vldrbq_z_s32(right, lanes), point);
        vstrbq_p_s32(out, mlut_mve_add_four(&quick, vldrbq_z_s32(left, lanes), second), lanes);
    }
}

void mlut_add(const mlut_add_t *layer, const int8_t *left, const int8_t *right, int8_t *out)
{
    layer->span(layer, left, right, layer->count, out);
}

#endif
