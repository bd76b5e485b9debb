/* Fully connected layer between int16 tensors. A row of weights is decoded and meets all inputs. */
#include "microlut/dense_16.h"
#include "linear_16.h"

void mlut_dense_16(const mlut_dense_16_t *layer, const void *in, void *out, void *scratch)
{
    for (size_t u = 0; u < layer->units; u++) {
        const int8_t *const weights = mlut_row_16(&layer->weights, u, layer->inputs, scratch);
        const mlut_channel_16_t channel = mlut_expand_channel_16(&layer->output, u);
        const mlut_int16_t *from = (const mlut_int16_t *)in;
        mlut_int16_t *to = (mlut_int16_t *)out + u;
        for (size_t i = 0; i < layer->vectors; i++, from += layer->inputs, to += layer->units) {
            const int64_t total = mlut_dot_16(from, weights, layer->inputs, channel.bias);
            *to = mlut_output_16(&channel, total, layer->minimum, layer->maximum);
        }
    }
}
