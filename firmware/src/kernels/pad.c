/* Padding that no convolution could take over. */
#include "microlut/pad.h"

#include <string.h>

void mlut_pad(const mlut_pad_t *layer, const int8_t *in, int8_t *out)
{
    const size_t in_bytes = (size_t)layer->in.width * layer->in.channels;
    const size_t out_bytes = (size_t)layer->out.width * layer->out.channels;
    memset(out, layer->value, layer->out.height * out_bytes);
    for (size_t y = 0; y < layer->in.height; y++) {
        const size_t start = (y + layer->pad_top) * out_bytes;
        memcpy(out + start + (size_t)layer->pad_left * layer->out.channels, in + y * in_bytes,
            in_bytes);
    }
}
