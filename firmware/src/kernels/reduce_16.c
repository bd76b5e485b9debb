/* Mean, sum, maximum and minimum of int16 values over some dimensions: TensorFlow Lite's MEAN and
 * SUM, and its REDUCE_MAX and REDUCE_MIN. */
#include "microlut/reduce_16.h"
#include "linear_16.h"

int16_t mlut_reduce_16_sum(const mlut_reduce_16_t *layer, const mlut_int16_t *in)
{
    const uint32_t *const n = layer->reduced, *const steps = layer->reduced_steps;
    int32_t total = 0;
    for (size_t a = 0; a < n[0]; a++) {
        for (size_t b = 0; b < n[1]; b++) {
            const mlut_int16_t *const row = in + a * steps[0] + b * steps[1];
            for (size_t c = 0; c < n[2]; c++) {
                total += row[c * steps[2]];
            }
        }
    }
    const int32_t scaled = mlut_multiply(total, layer->factor.multiplier, layer->factor.shift);
    return mlut_clamp_int16(scaled, INT16_MIN, INT16_MAX);
}

int16_t mlut_reduce_16_max(const mlut_reduce_16_t *layer, const mlut_int16_t *in)
{
    const uint32_t *const n = layer->reduced, *const steps = layer->reduced_steps;
    int16_t most = INT16_MIN;
    for (size_t a = 0; a < n[0]; a++) {
        for (size_t b = 0; b < n[1]; b++) {
            const mlut_int16_t *const row = in + a * steps[0] + b * steps[1];
            for (size_t c = 0; c < n[2]; c++) {
                most = row[c * steps[2]] > most ? row[c * steps[2]] : most;
            }
        }
    }
    return most;
}

int16_t mlut_reduce_16_min(const mlut_reduce_16_t *layer, const mlut_int16_t *in)
{
    const uint32_t *const n = layer->reduced, *const steps = layer->reduced_steps;
    int16_t least = INT16_MAX;
    for (size_t a = 0; a < n[0]; a++) {
        for (size_t b = 0; b < n[1]; b++) {
            const mlut_int16_t *const row = in + a * steps[0] + b * steps[1];
            for (size_t c = 0; c < n[2]; c++) {
                least = row[c * steps[2]] < least ? row[c * steps[2]] : least;
            }
        }
    }
    return least;
}

void mlut_reduce_16(const mlut_reduce_16_t *layer, const void *in, void *out)
{
    const uint32_t *const n = layer->kept, *const steps = layer->kept_steps;
    const mlut_int16_t *const from = (const mlut_int16_t *)in;
    mlut_int16_t *to = (mlut_int16_t *)out;
    for (size_t a = 0; a < n[0]; a++) {
        for (size_t b = 0; b < n[1]; b++) {
            for (size_t c = 0; c < n[2]; c++) {
                *to++ = layer->value(layer, from + a * steps[0] + b * steps[1] + c * steps[2]);
            }
        }
    }
}
