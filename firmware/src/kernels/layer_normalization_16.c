/* Layer, group and root mean square normalization of int16 values. Why nothing overflows is in
 * docs/reference/format.md. */
#include "microlut/layer_normalization_16.h"
#include "linear_16.h"
#include "normalize.h"

#define MLUT_LAYER_NORMALIZATION_16_EXTRA 4 /* bits of normalized values, but not of products */

/* One row of a group; `zero` is what values are measured from, times their `count`. */
static void mlut_layer_normalization_16_row(const mlut_layer_normalization_16_t *layer,
    const mlut_int16_t *in,
    int32_t count,
    int32_t zero,
    mlut_factor_t factor,
    const int16_t *gain,
    const int32_t *offset,
    mlut_int16_t *out)
{
    const size_t gain_step = layer->gain_step, offset_step = layer->offset_step;
    const unsigned shift = layer->shift;
    const int16_t minimum = layer->minimum, maximum = layer->maximum;
    const mlut_int16_t *const end = in + layer->channels;
    while (in < end) {
        const int32_t normal = mlut_normalize_limited(
            mlut_multiply(count * *in++ - zero, factor.multiplier, factor.shift),
            MLUT_NORMALIZE_LARGEST << MLUT_LAYER_NORMALIZATION_16_EXTRA);
        const int32_t product =
            (int32_t)(((int64_t)normal * *gain) >> MLUT_LAYER_NORMALIZATION_16_EXTRA);
        *out++ = mlut_clamp_int16((product + *offset) >> shift, minimum, maximum);
        gain += gain_step;
        offset += offset_step;
    }
}

/* `in` and `out` are the first value of the group, `first` is the number of its first channel. */
static void mlut_layer_normalization_16_group(const mlut_layer_normalization_16_t *layer,
    const mlut_int16_t *in,
    size_t first,
    mlut_int16_t *out)
{
    const size_t row_values = (size_t)layer->groups * layer->channels;
    const int32_t count = (int32_t)(layer->rows * layer->channels);
    int32_t total = 0;
    int64_t squares = 0;
    for (size_t row = 0; row < layer->rows; row++) {
        const mlut_int16_t *const values = in + row * row_values;
        for (size_t i = 0; i < layer->channels; i++) {
            const int32_t value = values[i];
            total += value;
            squares += value * value;
        }
    }
    int64_t spread = count * squares;
    if (layer->mode != MLUT_NORMALIZE_RMS) {
        spread -= (int64_t)total * total;
    }
    const mlut_factor_t factor = mlut_normalize_factor(spread, layer->spread_shift, layer->epsilon,
        layer->value_bits + MLUT_LAYER_NORMALIZATION_16_EXTRA);
    const int32_t mean = layer->mode == MLUT_NORMALIZE_STANDARD ? total : 0;
    for (size_t row = 0; row < layer->rows; row++) {
        const size_t at = row * row_values;
        mlut_layer_normalization_16_row(layer, in + at, count, mean, factor,
            layer->gains + first * layer->gain_step, layer->offsets + first * layer->offset_step,
            out + at);
    }
}

void mlut_layer_normalization_16(
    const mlut_layer_normalization_16_t *layer, const void *in, void *out)
{
    const mlut_int16_t *from = (const mlut_int16_t *)in;
    mlut_int16_t *to = (mlut_int16_t *)out;
    for (size_t i = 0; i < layer->outer; i++) {
        for (size_t group = 0; group < layer->groups; group++) {
            const size_t first = group * layer->channels;
            mlut_layer_normalization_16_group(layer, from + first, first, to + first);
        }
        const size_t values = (size_t)layer->rows * layer->groups * layer->channels;
        from += values;
        to += values;
    }
}
