/* Layer, group and root mean square normalization: sums are exact, and values are normalized with
 * 16 bits. Why nothing overflows is in docs/reference/format.md. */
#include "microlut/layer_normalization.h"
#include "../inverse_root.h"

#define MLUT_LAYER_NORMALIZATION_LARGEST 32767 /* of normalized values */
#define MLUT_LAYER_NORMALIZATION_ROOT_BITS 30
#define MLUT_LAYER_NORMALIZATION_MOST_SHIFTED 31

/* 2^value_bits / sqrt(spread + epsilon) */
static mlut_factor_t mlut_layer_normalization_factor(
    const mlut_layer_normalization_t *layer, int64_t spread)
{
    int shift = layer->spread_shift;
    spread = shift < 0 ? spread >> (-2 * shift) : spread << (2 * shift);
    spread += layer->epsilon;
    while (spread >> MLUT_LAYER_NORMALIZATION_ROOT_BITS != 0) {
        spread >>= 2;
        shift--;
    }
    mlut_factor_t factor = mlut_inverse_root((int32_t)spread);
    shift += factor.shift + layer->value_bits;
    if (shift < -MLUT_LAYER_NORMALIZATION_MOST_SHIFTED) {
        shift = -MLUT_LAYER_NORMALIZATION_MOST_SHIFTED;
    } else if (shift > MLUT_LAYER_NORMALIZATION_MOST_SHIFTED) {
        shift = MLUT_LAYER_NORMALIZATION_MOST_SHIFTED; /* all values are 0 */
    }
    factor.shift = (int8_t)shift;
    return factor;
}

static int16_t mlut_layer_normalization_limited(int32_t x)
{
    const int32_t raised =
        x < -MLUT_LAYER_NORMALIZATION_LARGEST ? -MLUT_LAYER_NORMALIZATION_LARGEST : x;
    return (int16_t)(raised > MLUT_LAYER_NORMALIZATION_LARGEST ? MLUT_LAYER_NORMALIZATION_LARGEST
                                                               : raised);
}

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
        const int32_t normal = mlut_layer_normalization_limited(
            mlut_multiply(count * *in++ - zero, factor.multiplier, factor.shift));
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
    const mlut_factor_t factor = mlut_layer_normalization_factor(layer, spread);
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
