/* Fully connected layer with codebook weights: out[u] = stage(bias[u] + w[u] . in). */
#include "decode.h"
#include "kernels/rows.h"

void mlut_dense(const mlut_dense_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    const size_t units = layer->units;
    mlut_channel_t *expanded = scratch;
    int8_t *decoded = (int8_t *)(expanded + layer->tile);

    for (size_t first = 0; first < units; first += layer->tile) {
        const size_t rows = units - first < layer->tile ? units - first : layer->tile;
        const int8_t *weights =
            mlut_decode_rows(&layer->weights, first, rows, layer->inputs, decoded);
        mlut_expand_channels(&layer->output, first, rows, expanded);
        for (size_t i = 0; i < layer->vectors; i++) {
            const int8_t *vector = in + i * layer->inputs;
            int8_t *to = out + i * units + first;
            mlut_multiply_rows(&layer->output, expanded, vector, weights, layer->inputs, rows, to);
        }
    }
}
