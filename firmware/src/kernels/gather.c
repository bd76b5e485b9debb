/* Chosen places along a dimension. */
#include "microlut/gather.h"

#include <string.h>

void mlut_gather(const mlut_gather_t *layer, const int8_t *in, int8_t *out)
{
    const size_t bytes = layer->piece_bytes;
    for (uint32_t row = 0; row < layer->rows; row++) {
        for (uint32_t i = 0; i < layer->count; i++) {
            memcpy(out, in + layer->places[i] * bytes, bytes);
            out += bytes;
        }
        in += layer->row_bytes;
    }
}
