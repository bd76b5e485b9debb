/* Filters over time, as TensorFlow Lite's SVDF with int8 weights computes them on devices.
 *
 * Sums over time wrap around at 32 bits, and so do filters of 8 bits to which a zero point is
 * added. converter/microlut/ops/svdf.py computes the same in NumPy. */
#include "microlut/svdf.h"
#include "../decode.h"
#include "../fixed_point.h"
#include "../isa/isa.h"

#include <string.h>

static const int8_t *mlut_svdf_row(
    const mlut_svdf_t *layer, size_t filter, size_t columns, int8_t *scratch)
{
    const mlut_weights_t *const weights = &layer->weights;
    if (weights->codebook == NULL) {
        return (const int8_t *)weights->indices + filter * weights->row_bytes;
    }
    mlut_decode_row(weights, filter, columns, scratch);
    return scratch;
}

/* The value of a filter for a frame, limited to `bits` bits. */
static int32_t mlut_svdf_filter(
    const mlut_svdf_t *layer, const int8_t *in, const int8_t *row, size_t filter, int32_t largest)
{
    const int32_t total = mlut_isa_dot(in, row, layer->inputs, layer->filter_bias[filter]);
    const mlut_factor_t factor = layer->projected;
    const int32_t made = mlut_multiply(total, factor.multiplier, factor.shift);
    return made > largest ? largest : made < -largest - 1 ? -largest - 1 : made;
}

static int8_t mlut_svdf_output(const mlut_svdf_t *layer, uint32_t total)
{
    const mlut_factor_t factor = layer->summed;
    const int32_t made = mlut_multiply((int32_t)total, factor.multiplier, factor.shift);
    return mlut_clamp_int8(made + layer->zero_point, INT8_MIN, INT8_MAX);
}

void mlut_svdf(const mlut_svdf_t *layer,
    const int8_t *in,
    const void *before,
    int8_t *out,
    void *after,
    void *scratch)
{
    const size_t inputs = layer->inputs;
    const size_t kept = (size_t)layer->memory - 1u;
    const int8_t *old = (const int8_t *)before;
    int8_t *next = (int8_t *)after;
    size_t filter = 0;
    for (size_t u = 0; u < layer->units; u++) {
        int32_t total = layer->bias[u];
        for (size_t r = 0; r < layer->rank; r++) {
            const int8_t *const row =
                mlut_svdf_row(layer, filter, inputs + layer->memory, (int8_t *)scratch);
            const int32_t found = mlut_svdf_filter(layer, in, row, filter, INT8_MAX);
            const uint32_t raised = (uint32_t)(found + layer->filter_zero_point + 128) & 255u;
            const int8_t value = (int8_t)((int32_t)raised - 128);
            total = mlut_isa_dot(old, row + inputs, kept, total + value * row[inputs + kept]);
            memmove(next, old + 1, kept - 1u);
            next[kept - 1u] = value;
            old += kept;
            next += kept;
            filter++;
        }
        out[u] = mlut_svdf_output(layer, (uint32_t)total);
    }
}

void mlut_svdf_16(const mlut_svdf_t *layer,
    const int8_t *in,
    const void *before,
    int8_t *out,
    void *after,
    void *scratch)
{
    const size_t kept = (size_t)layer->memory - 1u;
    const mlut_int16_t *old = (const mlut_int16_t *)before;
    mlut_int16_t *next = (mlut_int16_t *)after;
    const int16_t *time = layer->time;
    size_t filter = 0;
    for (size_t u = 0; u < layer->units; u++) {
        uint32_t total = (uint32_t)layer->bias[u];
        for (size_t r = 0; r < layer->rank; r++) {
            const int8_t *const row =
                mlut_svdf_row(layer, filter, layer->inputs, (int8_t *)scratch);
            const int32_t value = mlut_svdf_filter(layer, in, row, filter, INT16_MAX);
            total += (uint32_t)(old[0] * time[0]);
            for (size_t i = 1; i < kept; i++) {
                total += (uint32_t)(old[i] * time[i]);
                next[i - 1u] = old[i];
            }
            total += (uint32_t)(value * time[kept]);
            next[kept - 1u] = (mlut_int16_t)value;
            old += kept;
            next += kept;
            time += layer->memory;
            filter++;
        }
        out[u] = mlut_svdf_output(layer, total);
    }
}
