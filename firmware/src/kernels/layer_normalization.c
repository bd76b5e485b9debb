/* Layer, group and root mean square normalization: sums are exact, and values are normalized with
 * 16 bits. Why nothing overflows is in docs/reference/format.md. */
#include "microlut/layer_normalization.h"
#include "normalize.h"

/* One row of a group; `zero` is what values are measured from, times their `count`. */
static void mlut_layer_normalization_row(const mlut_layer_normalization_t *layer,
    const int8_t *in,
    int32_t count,
    int32_t zero,
    mlut_factor_t factor,
    const int16_t *gain,
    const int32_t *offset,
    int8_t *out)
{
    const size_t gain_step = layer->gain_step, offset_step = layer->offset_step;
    const unsigned shift = layer->shift;
    const int8_t minimum = layer->minimum, maximum = layer->maximum;
    const int8_t *const end = in + layer->channels;
    while (in < end) {
        const int32_t normal = mlut_normalize_limited(
            mlut_multiply(count * *in++ - zero, factor.multiplier, factor.shift),
            MLUT_NORMALIZE_LARGEST);
        *out++ = mlut_clamp_int8((normal * *gain + *offset) >> shift, minimum, maximum);
        gain += gain_step;
        offset += offset_step;
    }
}

/* `in` and `out` are the first value of the group, `first` is the number of its first channel. */
static void mlut_layer_normalization_group(
    const mlut_layer_normalization_t *layer, const int8_t *in, size_t first, int8_t *out)
{
    const size_t row_bytes = (size_t)layer->groups * layer->channels;
    const int32_t count = (int32_t)(layer->rows * layer->channels);
    const int32_t zero_point = layer->input_zero_point;
    int32_t total = 0;
    int64_t squares = 0;
    for (size_t row = 0; row < layer->rows; row++) {
        const int8_t *const values = in + row * row_bytes;
        for (size_t i = 0; i < layer->channels; i++) {
            const int32_t value = values[i] - zero_point;
            total += value;
            squares += value * value;
        }
    }
    int64_t spread = count * squares;
    if (layer->mode != MLUT_NORMALIZE_RMS) {
        spread -= (int64_t)total * total;
    }
    const mlut_factor_t factor =
        mlut_normalize_factor(spread, layer->spread_shift, layer->epsilon, layer->value_bits);
    const int32_t mean = layer->mode == MLUT_NORMALIZE_STANDARD ? total : 0;
    for (size_t row = 0; row < layer->rows; row++) {
        const size_t at = row * row_bytes;
        mlut_layer_normalization_row(layer, in + at, count, count * zero_point + mean, factor,
            layer->gains + first * layer->gain_step, layer->offsets + first * layer->offset_step,
            out + at);
    }
}

void mlut_layer_normalization(
    const mlut_layer_normalization_t *layer, const int8_t *in, int8_t *out)
{
    for (size_t i = 0; i < layer->outer; i++) {
        for (size_t group = 0; group < layer->groups; group++) {
            const size_t first = group * layer->channels;
            mlut_layer_normalization_group(layer, in + first, first, out + first);
        }
        const size_t bytes = (size_t)layer->rows * layer->groups * layer->channels;
        in += bytes;
        out += bytes;
    }
}
