/* Functions of one int16 value, interpolated in a table of results. */
#include "microlut/table_16.h"
#include "interpolate_16.h"

void mlut_table_16(const mlut_table_16_t *layer, const void *in, void *out)
{
    const mlut_int16_t *const from = (const mlut_int16_t *)in;
    mlut_int16_t *const to = (mlut_int16_t *)out;
    for (size_t i = 0; i < layer->count; i++) {
        to[i] = (int16_t)mlut_interpolate_16(layer->values, from[i]);
    }
}
