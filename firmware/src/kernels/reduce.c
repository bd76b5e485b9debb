/* Mean, sum, maximum and minimum over some dimensions: TensorFlow Lite's MEAN, SUM, REDUCE_MAX and
 * REDUCE_MIN. */
#include "microlut/reduce.h"
#include "../fixed_point.h"
#include "../isa/isa.h"

int8_t mlut_reduce_sum(const mlut_reduce_t *layer, const int8_t *in)
{
    const uint32_t *const n = layer->reduced, *const steps = layer->reduced_steps;
    int32_t total = 0;
    for (size_t a = 0; a < n[0]; a++) {
        for (size_t b = 0; b < n[1]; b++) {
            const int8_t *const row = in + a * steps[0] + b * steps[1];
            for (size_t c = 0; c < n[2]; c++) {
                total += row[c * steps[2]];
            }
        }
    }
    total -= layer->input_zero_point * (int32_t)(n[0] * n[1] * n[2]);
    const int32_t scaled = mlut_multiply(total, layer->factor.multiplier, layer->factor.shift);
    return mlut_clamp_int8(scaled + layer->output_zero_point, INT8_MIN, INT8_MAX);
}

int8_t mlut_reduce_max(const mlut_reduce_t *layer, const int8_t *in)
{
    const uint32_t *const n = layer->reduced, *const steps = layer->reduced_steps;
    int8_t most = INT8_MIN;
    for (size_t a = 0; a < n[0]; a++) {
        for (size_t b = 0; b < n[1]; b++) {
            const int8_t *const row = in + a * steps[0] + b * steps[1];
            for (size_t c = 0; c < n[2]; c++) {
                most = row[c * steps[2]] > most ? row[c * steps[2]] : most;
            }
        }
    }
    return most;
}

int8_t mlut_reduce_min(const mlut_reduce_t *layer, const int8_t *in)
{
    const uint32_t *const n = layer->reduced, *const steps = layer->reduced_steps;
    int8_t least = INT8_MAX;
    for (size_t a = 0; a < n[0]; a++) {
        for (size_t b = 0; b < n[1]; b++) {
            const int8_t *const row = in + a * steps[0] + b * steps[1];
            for (size_t c = 0; c < n[2]; c++) {
                least = row[c * steps[2]] < least ? row[c * steps[2]] : least;
            }
        }
    }
    return least;
}

void mlut_reduce(const mlut_reduce_t *layer, const int8_t *in, int8_t *out)
{
    const uint32_t *const n = layer->kept, *const steps = layer->kept_steps;
    for (size_t a = 0; a < n[0]; a++) {
        for (size_t b = 0; b < n[1]; b++) {
            for (size_t c = 0; c < n[2]; c++) {
                *out++ = layer->value(layer, in + a * steps[0] + b * steps[1] + c * steps[2]);
            }
        }
    }
}
