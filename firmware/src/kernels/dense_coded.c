/* Fully connected layer with entropy-coded indices: four rows are decoded to scratch, and are then
 * multiplied as plain int8 weights are. */
#include "../coded.h"
#include "../isa/isa.h"
#include "microlut/dense.h"
#include "output_stage.h"

#define MLUT_CODED_ROWS 4u

void mlut_dense_coded(const mlut_dense_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    const mlut_weights_t *const weights = &layer->weights;
    const mlut_output_t *const stage = &layer->output;
    const size_t inputs = layer->inputs;
    int8_t *const rows = (int8_t *)scratch;
    for (size_t first = 0; first < layer->units; first += MLUT_CODED_ROWS) {
        const size_t left = layer->units - first;
        const size_t count = left < MLUT_CODED_ROWS ? left : MLUT_CODED_ROWS;
        mlut_decode_coded(weights, first, count * inputs, rows);
        const uint16_t *words = stage->channels + first * stage->words;
        for (size_t i = 0; i < layer->vectors; i++) {
            const int8_t *const x = in + i * inputs;
            int32_t totals[MLUT_CODED_ROWS] = {0, 0, 0, 0};
            if (count == MLUT_CODED_ROWS) {
                mlut_isa_dot4(x, rows, inputs, inputs, totals, 1);
            } else {
                for (size_t r = 0; r < count; r++) {
                    totals[r] = mlut_isa_dot(x, rows + r * inputs, inputs, 0);
                }
            }
            int8_t *const to = out + i * layer->units + first;
            for (size_t r = 0; r < count; r++) {
                const mlut_channel_t channel = mlut_expand_channel(stage, words + r * stage->words);
                to[r] = mlut_output(stage, &channel, channel.bias + totals[r]);
            }
        }
    }
}
