/* Compares one implementation of the primitives with a plain reference: all counts up to 70, all
 * alignments, and blocks that end exactly where the last value is. */
#include "isa/isa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_COUNT 70u

static uint32_t state = 12345u;

static int8_t next_value(void)
{
    state = state * 1664525u + 1013904223u;
    const unsigned kind = state >> 29;
    return (int8_t)(kind == 0 ? -128 : kind == 1 ? 127 : (int32_t)(state >> 16 & 0xffu) - 128);
}

/* A block of its own with `count` random values from `offset` on. */
static int8_t *new_block(size_t offset, size_t count)
{
    int8_t *block = malloc(offset + count + (offset + count == 0 ? 1u : 0u));
    for (size_t i = 0; i < offset + count; i++) {
        block[i] = next_value();
    }
    return block;
}

static int32_t reference(const int8_t *x, const int8_t *weights, size_t count, int32_t total)
{
    for (size_t i = 0; i < count; i++) {
        total += x[i] * weights[i];
    }
    return total;
}

static int check(size_t count, size_t x_offset, size_t w_offset, size_t stride)
{
    int8_t *x = new_block(x_offset, count);
    int8_t *w = new_block(w_offset, 3u * stride + count);
    const int32_t start[4] = {0, -1000000000, 1000000000, 77};
    int32_t totals[4];
    memcpy(totals, start, sizeof(totals));
    mlut_isa_dot4(x + x_offset, w + w_offset, stride, count, totals);
    int good = 1;
    for (size_t r = 0; r < 4u; r++) {
        const int8_t *row = w + w_offset + r * stride;
        const int32_t wanted = reference(x + x_offset, row, count, start[r]);
        good &= totals[r] == wanted;
        good &= mlut_isa_dot(x + x_offset, row, count, start[r]) == wanted;
    }
    free(w);
    free(x);
    return good;
}

int main(void)
{
    unsigned failures = 0;
    for (size_t count = 0; count <= LARGEST_COUNT; count++) {
        for (size_t offsets = 0; offsets < 16u; offsets++) {
            for (size_t gap = 0; gap < 4u; gap++) {
                if (!check(count, offsets & 3u, offsets >> 2, count + gap)) {
                    failures++;
                    printf("count %zu, offsets %zu, gap %zu differ\n", count, offsets, gap);
                }
            }
        }
    }
    printf("%s: %u failures\n", MLUT_ISA_NAME, failures);
    return failures != 0;
}
