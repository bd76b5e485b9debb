/* Expands output stages: `program stages expanded`, both files in the byte order of the host. A
 * stage is its ratio, {words, bias_shift, shift, channels} as int32, and its words; an expanded
 * channel is bias, multiplier, shift and nudge. Every array is a block of its own. */
#include "kernels/output_stage.h"

#include <stdio.h>
#include <stdlib.h>

static int expand_one(uint64_t ratio, FILE *in, FILE *out)
{
    int32_t sizes[4];
    if (fread(sizes, sizeof(sizes), 1, in) != 1) {
        return 0;
    }
    const size_t count = (size_t)sizes[3];
    const size_t words = (size_t)sizes[0] * count;
    uint16_t *channels = malloc(words * sizeof(uint16_t));
    mlut_channel_t *expanded = malloc(count * sizeof(mlut_channel_t));
    int good = fread(channels, sizeof(uint16_t), words, in) == words;
    const mlut_output_t stage = {
        .ratio = ratio,
        .channels = channels,
        .words = (uint8_t)sizes[0],
        .bias_shift = (uint8_t)sizes[1],
        .shift = (int8_t)sizes[2],
    };
    /* in two parts, as by tiles */
    mlut_expand_channels(&stage, 0, count / 2u, expanded);
    mlut_expand_channels(&stage, count / 2u, count - count / 2u, expanded + count / 2u);
    good &= fwrite(expanded, sizeof(mlut_channel_t), count, out) == count;
    free(expanded);
    free(channels);
    return good;
}

int main(int argc, char **argv)
{
    FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL;
    FILE *out = argc == 3 ? fopen(argv[2], "wb") : NULL;
    if (in == NULL || out == NULL) {
        return 1;
    }
    uint64_t ratio;
    while (fread(&ratio, sizeof(ratio), 1, in) == 1) {
        if (!expand_one(ratio, in, out)) {
            return 1;
        }
    }
    return fclose(in) | fclose(out);
}
